// Before anything is painted: the theme that was chosen here, if one was.
"use strict";
{
  let chosen = null;
  try { chosen = localStorage.getItem("meterbox-theme"); } catch { /* no storage: as the system has it */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
