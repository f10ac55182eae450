(() => {
  try {
    const theme = localStorage.getItem("algotrade.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's preference is then what counts.
  }
})();
