// Settles "System" before the first paint; Light and Dark are already in the page.
(() => {
  const root = document.documentElement;
  if (root.dataset.theme !== "system") return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", apply);
  apply();
})();
