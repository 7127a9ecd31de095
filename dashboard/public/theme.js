// Before the first paint, so that nothing flashes: the theme that was chosen, if one was.
try {
  const chosen = localStorage.getItem("auterity-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // no storage: the system's theme it is
}
