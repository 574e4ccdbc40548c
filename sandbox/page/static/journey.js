// What one field of an event became is shown everywhere at once, at whom one points or stays.
"use strict";
(() => {
  let shown = [];
  const end = () => { shown.forEach((at) => at.classList.remove("near")); shown = []; };
  const begin = (event) => {
    const at = event.target.closest?.("[data-source], .tree [data-path]");
    const path = at?.dataset.source ?? at?.dataset.path;
    end();
    if (!path || path === "$") return;
    const named = CSS.escape(path);
    shown = [...document.querySelectorAll(`[data-source="${named}"], .intake .leaf[data-path="${named}"]`)];
    if (shown.length < 2) shown = [];
    shown.forEach((one) => one.classList.add("near"));
  };
  document.addEventListener("mouseover", begin);
  document.addEventListener("focusin", begin);
})();
