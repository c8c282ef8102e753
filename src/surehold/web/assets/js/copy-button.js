// Shows the copy button only where the browser can copy, and says that it did.
class CopyButton extends HTMLElement {
  connectedCallback() {
    if (!navigator.clipboard) return;
    const button = this.querySelector("button");
    const said = this.querySelector("[aria-live]");
    button.hidden = false;
    button.onclick = async () => {
      await navigator.clipboard.writeText(this.dataset.text);
      const use = button.querySelector("use");
      const href = use.getAttribute("href");
      use.setAttribute("href", href.replace(/#.*/, "#check"));
      said.textContent = this.dataset.copied;
      setTimeout(() => {
        use.setAttribute("href", href);
        said.textContent = "";
      }, 2000);
    };
  }
}
customElements.define("copy-button", CopyButton);
