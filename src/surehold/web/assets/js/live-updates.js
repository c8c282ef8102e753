// Has the part of the page around it look again: as soon as the server says that there is something
// new, or every few seconds where it has no stream for us. A page that nobody looks at does neither.

// How often all the same: something on the way may keep a stream's events to itself.
const SILENCE_SECONDS = 60;

class LiveUpdates extends HTMLElement {
  connectedCallback() {
    this.onVisible = (event) => (document.visibilityState === "visible" ? this.follow(event) : this.rest());
    document.addEventListener("visibilitychange", this.onVisible);
    this.onVisible();
  }
  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.onVisible);
    this.rest();
  }
  follow(isBack) {
    this.rest();
    this.source = new EventSource(this.dataset.stream);
    this.source.onmessage = () => this.look();
    this.source.onerror = () => {
      // The browser comes back by itself when a stream broke off; a refusal closes it for good.
      if (this.source?.readyState !== EventSource.CLOSED) return;
      this.askEvery(Number(this.dataset.every));
      if (isBack) this.look();
    };
    this.askEvery(SILENCE_SECONDS);
  }
  askEvery(seconds) {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.look(), 1000 * seconds);
  }
  rest() {
    this.source?.close();
    this.source = null;
    clearInterval(this.timer);
  }
  look() {
    this.dispatchEvent(new CustomEvent("look", { bubbles: true }));
  }
}
customElements.define("live-updates", LiveUpdates);
