// Starts the vendored Swagger UI; the page's policy allows no inline script.
window.addEventListener("load", () => {
  const root = document.getElementById("api-docs");
  window.SwaggerUIBundle({ url: root.dataset.url, domNode: root, deepLinking: true, validatorUrl: null, presets: [window.SwaggerUIBundle.presets.apis] });
});
