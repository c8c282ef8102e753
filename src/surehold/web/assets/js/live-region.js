// Says aloud what a partial update changed. It stays in the page while parts around it are replaced,
// and reads the first [data-announce] of whatever htmx swapped in.
class LiveRegion extends HTMLElement {
  connectedCallback() {
    this.last = "";
    document.addEventListener("htmx:after:swap", this);
  }
  disconnectedCallback() {
    document.removeEventListener("htmx:after:swap", this);
  }
  handleEvent() {
    const words = document.querySelector("dialog[open] [data-announce]") ?? document.querySelector("main [data-announce]");
    const text = words ? words.textContent.trim().replace(/\s+/g, " ") : "";
    if (text && text !== this.last) this.say(text);
  }
  say(text) {
    this.last = text;
    this.textContent = text;
  }
}
customElements.define("live-region", LiveRegion);
