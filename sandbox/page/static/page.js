// What the page does by itself: keys, theme, copying, and holding the feed back while it is read.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (text) => { $("#said").textContent = text; };

  // Theme: as the system has it, light, dark.
  const THEMES = ["auto", "light", "dark"];
  const WORDS = { auto: "as the system has it", light: "light", dark: "dark" };
  const theme = () => document.documentElement.dataset.theme || "auto";
  const named = () => $("[data-theme-toggle]")?.setAttribute("aria-label", `Theme: ${WORDS[theme()]}`);
  const turn = () => {
    const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("meterbox-theme", next); } catch { /* for this page alone */ }
    named();
    say(`Theme: ${WORDS[next]}`);
  };

  // Copying: the text of an element of this page.
  const copy = async (button) => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const pre = document.getElementById(button.dataset.copy);
      const around = pre.closest("details");
      if (around) around.open = true;
      getSelection().selectAllChildren(pre);
      document.execCommand("copy");
    }
    const before = button.textContent;
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => { button.textContent = before; }, 1500);
  };

  // The feed: while it is paused, or read further down, what is new is counted and not shown.
  const MOST = 600;
  let source = null;
  const feed = { paused: false, waiting: 0, unseen: 0, title: document.title, told: -Infinity };
  const reading = () => scrollY > 160;
  const count = (html) => (html.match(/<li class="row/g) || []).length;
  const counted = () => {
    const button = $("[data-fresh]");
    if (!button) return;
    const n = feed.waiting.toLocaleString("en");
    button.hidden = feed.waiting === 0;
    $("[data-fresh-count]").textContent = `${n} new`;
    const unseen = feed.waiting + feed.unseen;
    document.title = unseen ? `(${unseen.toLocaleString("en")}) ${feed.title}` : feed.title;
    const now = performance.now();
    if (feed.waiting && now - feed.told > 3000) {
      feed.told = now;
      say(`${n} new exchanges`);
    }
  };
  const pause = (paused) => {
    const button = $("[data-pause]");
    if (!button) return;
    feed.paused = paused;
    button.setAttribute("aria-pressed", String(paused));
    $("use", button).setAttribute("href", paused ? "#i-play" : "#i-pause");
    $("[data-pause-word]").textContent = paused ? "Go on" : "Pause";
    live(paused ? "paused" : "live");
    if (!paused && (feed.waiting || source?.readyState === EventSource.CLOSED)) refresh();
  };
  const live = (state) => {
    const place = $("[data-live]");
    if (!place) return;
    place.dataset.live = state;
    $("[data-live-word]").textContent = { live: "Live", paused: "Paused", lost: "Connecting" }[state];
  };
  const refresh = () => {
    const list = $("#list");
    feed.waiting = 0;
    counted();
    scrollTo({ top: 0 });
    htmx.ajax("GET", list.dataset.refresh, { target: "#list", swap: "outerHTML" });
  };
  const trim = () => {
    const rows = $$("#rows > li.row");
    if (rows.length <= MOST) return;
    rows.slice(MOST).forEach((row) => row.remove());
    const older = $("#rows > li.older");
    const link = older && $("a", older);
    const last = rows[MOST - 1].dataset.number;
    if (link) {
      const to = link.getAttribute("hx-get").replace(/before=\d+$/, `before=${last}`);
      link.setAttribute("hx-get", to);
    }
  };

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.target.id !== "rows") return;
    if (!feed.paused && !reading() && !feed.waiting) return;
    event.preventDefault();
    feed.waiting += count(event.detail.data);
    counted();
  });
  document.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.id !== "rows") return;
    $("[data-empty]")?.remove();
    trim();
    const now = performance.now();
    const n = count(event.detail.data);
    if (document.hidden) {
      feed.unseen += n;
      counted();
    } else if (now - feed.told > 3000) {
      feed.told = now;
      say(n === 1 ? "1 new exchange" : `${n} new exchanges`);
    }
  });
  let soon = 0;
  const many = (event) => {
    feed.waiting += Number(event.data);
    counted();
    clearTimeout(soon);
    soon = setTimeout(() => { if (!feed.paused && !reading()) refresh(); }, 500);
  };
  // A browser has six connections for all tabs of a site: one that nobody looks at gives its up.
  let asleep = 0, lost = false;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(asleep);
    if (document.hidden) {
      asleep = setTimeout(() => source?.close(), 60_000);
      return;
    }
    feed.unseen = 0;
    counted();
    if (source?.readyState === EventSource.CLOSED && !feed.paused) refresh();
  });
  document.addEventListener("htmx:sseOpen", (event) => {
    source = event.detail.source;
    source.addEventListener("many", many);
    live(feed.paused ? "paused" : "live");
    if (lost && !feed.paused && !reading()) refresh();  // it may be another sandbox by now
    lost = false;
  });
  document.addEventListener("htmx:sseError", () => {
    lost = true;
    live("lost");
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "list") return;
    feed.waiting = 0;
    source = null;  // that of the list before
    pause(feed.paused);
    counted();
  });
  addEventListener("scroll", () => {
    if (!reading() && feed.waiting && !feed.paused) refresh();
  }, { passive: true });

  // Keys.
  const typing = (at) => at.closest?.("input, textarea, select, [contenteditable]");
  const rows = () => $$("[data-list] a, #rows > li.row > a");
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => $(selector)?.click();
  let going = 0;
  const KEYS = {
    "/": () => $("[data-search]")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    p: () => $("[data-pause]") && pause(!feed.paused),
    "?": () => $("#help").showModal(),
    "[": () => follow("a[rel=prev]"),
    "]": () => follow("a[rel=next]"),
    Escape: () => follow("[data-back]"),
    g: () => { going = performance.now(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if ($("dialog[open]")) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (/^[1-9]$/.test(event.key) && performance.now() - going < 1500) {
      $$(".views a")[Number(event.key) - 1]?.click();
      return;
    }
    const does = KEYS[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });

  // Back to the feed as it was, where one came from there.
  document.addEventListener("click", (event) => {
    const back = event.target.closest?.("[data-back]");
    if (!back || !document.referrer || event.ctrlKey || event.metaKey) return;
    const from = new URL(document.referrer);
    if (from.origin !== location.origin || from.pathname !== "/" || history.length < 2) return;
    event.preventDefault();
    history.back();
  });

  document.addEventListener("click", (event) => {
    const at = event.target.closest?.("[data-theme-toggle], [data-help], [data-copy], [data-pause], [data-fresh]");
    if (!at) return;
    if ("themeToggle" in at.dataset) turn();
    else if ("help" in at.dataset) $("#help").showModal();
    else if ("copy" in at.dataset) copy(at);
    else if ("pause" in at.dataset) pause(!feed.paused);
    else { feed.paused = false; refresh(); }
  });
  named();
  // On a narrow page the views are more than fit.
  $(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
})();
