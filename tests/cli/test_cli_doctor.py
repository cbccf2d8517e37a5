"""`drip doctor`: what holds on this machine, and what will not work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drip.cli.main import cli
from tests.stages import copy_example


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRIP_SECRET", "x" * 32)
    folder = copy_example(
        tmp_path / "letter", relay="server: smtp.example.net\n    user: lisa\n    password-env: SMTP_WORD"
    )
    monkeypatch.setenv("SMTP_WORD", "canary-of-a-password")
    key = ed25519.Ed25519PrivateKey.generate()
    (folder / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


def sign(folder: Path, domain: str = "example.com", file: str = "dkim.pem") -> None:
    with (folder / "drip.yaml").open("a") as text:
        text.write(f"dkim:\n  domain: {domain}\n  selector: drip\n  key-file: {file}\n")


def doctor(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(folder), "doctor", *words])


def test_a_healthy_project_and_its_record(folder: Path) -> None:
    sign(folder)
    found = doctor(folder)
    assert found.exit_code == 0, found.output
    assert "canary" not in found.output
    assert "TXT drip._domainkey.example.com" in found.output
    record = re.findall('"(v=DKIM1[^"]*)"', found.output)[0]
    assert "the record fits the key" in doctor(folder, "--dkim-record", record).output
    wrong = doctor(folder, "--dkim-record", record[:-9])
    assert wrong.exit_code == 4
    assert "wrong" in wrong.output
    assert "cut off" in wrong.output


def test_what_will_not_work_is_said_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_WORD")
    sign(folder, domain="elsewhere.example")
    found = doctor(folder)
    assert found.exit_code == 4
    assert "the variable SMTP_WORD with the relay's password is not set" in found.output
    assert "mails come from" in found.output
    assert "2 of 7 things will not work" in found.output


def test_a_missing_key_stops_the_doctor_and_the_run(folder: Path) -> None:
    sign(folder, file="nowhere.pem")
    found = doctor(folder)
    assert found.exit_code == 4
    assert "nowhere.pem` cannot be read: No such file or directory" in found.output


def test_a_name_that_cannot_stand_in_dns_is_a_problem(folder: Path) -> None:
    sign(folder, domain="exam ple")
    result = CliRunner().invoke(cli, ["-C", str(folder), "check"])
    assert "`exam ple` is not a name in DNS" in result.output
