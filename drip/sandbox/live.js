// Loads the page's parts again when the preview says that a file was saved. Without it the page works by hand.
"use strict";
(() => {
  const status = document.getElementById("live-status");
  const keptPlace = "drip-place";
  let busy = false;
  let latest = "";

  const place = () => {
    try {
      return document.getElementById("mail").contentWindow.scrollY;
    } catch {
      return 0;
    }
  };

  // The frame is sent to the new mail in place, so that the history of the tab and the reader's place stay.
  const loadFrame = (old, fresh) => {
    const at = place();
    old.addEventListener("load", () => old.contentWindow.scrollTo(0, at), { once: true });
    old.contentWindow.location.replace(new URL(fresh.getAttribute("src"), location.href));
  };

  const swap = (next, id) => {
    const old = document.getElementById(id);
    const fresh = next.getElementById(id);
    if (!old || !fresh || old.innerHTML === fresh.innerHTML) return;
    const scrolled = old.scrollTop;
    const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    old.replaceChildren(...fresh.childNodes);
    old.scrollTop = scrolled;
    if (focused) old.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  };

  const saveOf = (page) => page.body.dataset.state.split(" ", 2).join(" ");

  const update = async () => {
    const answer = await fetch(location.href, { cache: "no-store", headers: { "X-Drip-Hurry": "1" } });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    // By what came, not by what was asked for: a save may have happened in between.
    const withMail = saveOf(next) !== saveOf(document);
    const old = document.getElementById("mail");
    const fresh = next.getElementById("mail");
    const both = old && fresh;
    if (both && withMail) loadFrame(old, fresh);
    for (const id of ["list", "title", "alerts", "problems"]) swap(next, id);
    if (!both) swap(next, "view");
    document.getElementById("view").className = next.getElementById("view").className;
    document.title = next.title;
    document.body.dataset.state = next.body.dataset.state;
    if (withMail) status.textContent = `up to date: loaded again at ${new Date().toLocaleTimeString()}`;
  };

  // A state is `preview save sizes`; a page may be ahead of the news, never behind it for long.
  const isNews = (state) => {
    const [boot, save, sizes] = state.split(" ");
    const [ownBoot, ownSave, ownSizes] = document.body.dataset.state.split(" ");
    return boot !== ownBoot || Number(save) > Number(ownSave) || (save === ownSave && Number(sizes) > Number(ownSizes));
  };

  const onState = async (state) => {
    latest = state;
    if (busy) return;
    busy = true;
    try {
      while (isNews(latest)) await update();
    } catch {
      status.textContent = "this page could not be loaded again: reload it by hand";
    }
    busy = false;
  };

  const stream = new EventSource("/events");
  stream.addEventListener("open", () => {
    status.textContent = "live: this page follows every save";
  });
  stream.addEventListener("state", (event) => onState(event.data));
  stream.addEventListener("error", () => {
    status.textContent = "not connected: drip preview has ended, or starts again";
  });

  // The list keeps its place from one page to the next.
  const list = document.getElementById("list");
  list.scrollTop = Number(sessionStorage.getItem(keptPlace) || 0);
  addEventListener("pagehide", () => sessionStorage.setItem(keptPlace, String(list.scrollTop)));
})();
