// Counts down how long items are held. The seconds left come from the server; a monotonic clock takes
// it from there, and after the computer slept the server is asked again. The device's date is never used
// to decide, and at 0:00 only the server can say that the hold has ended. The words are the page's own.
const NEAR_SECONDS = 120;
const SAID_AT = [300, 120, 30];
const SLEPT_MS = 2000;

class HoldTimer extends HTMLElement {
  connectedCallback() {
    // The server counted when it answered, not when this script ran.
    const page = performance.getEntriesByType("navigation")[0];
    const isFirst = page && document.readyState !== "complete";
    const answered = isFirst ? page.responseStart : performance.now();
    this.endsAt = answered + Number(this.dataset.secondsLeft) * 1000;
    this.drift = Date.now() - performance.now();
    this.clock = this.querySelector("[data-clock]");
    this.extend = this.querySelector("[data-extend]");
    this.say = this.querySelector("[data-say]");
    this.said = new Set(SAID_AT.filter((at) => this.left() <= at));
    if (this.hasAttribute("data-long")) {
      if (this.extend) this.extend.hidden = true;
      return;
    }
    this.clock.hidden = false;
    this.querySelector("[data-static]").hidden = true;
    this.querySelector("[data-counting]").hidden = false;
    this.announce();
    this.tick = setInterval(() => this.update(), 500);
    this.onVisible = () => document.visibilityState === "visible" && this.resync();
    document.addEventListener("visibilitychange", this.onVisible);
    this.update();
  }
  disconnectedCallback() {
    clearInterval(this.tick);
    document.removeEventListener("visibilitychange", this.onVisible);
  }
  left() {
    return Math.max(0, Math.ceil((this.endsAt - performance.now()) / 1000));
  }
  update() {
    const left = this.left();
    const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (this.clock.textContent !== text) this.clock.textContent = text;
    this.dataset.tone = left <= NEAR_SECONDS ? "warn" : "info";
    if (this.extend) this.extend.hidden = left > NEAR_SECONDS;
    for (const at of SAID_AT) {
      if (left <= at && !this.said.has(at)) {
        this.said.add(at);
        this.announce();
      }
    }
    if (left === 0) this.end();
  }
  announce() {
    const left = this.left();
    const { sayMinute, sayMinutes, saySecond, saySeconds } = this.dataset;
    const [count, one, many] = left >= 60 ? [Math.round(left / 60), sayMinute, sayMinutes] : [left, saySecond, saySeconds];
    this.say.textContent = (count === 1 ? one : many).replace("%(num)s", count);
  }
  end() {
    clearInterval(this.tick);
    const { refreshUrl, target } = this.dataset;
    // A moment later, so that the server's clock has passed the instant too.
    setTimeout(() => {
      if (!this.isConnected) return;
      if (refreshUrl && window.htmx) window.htmx.ajax("GET", refreshUrl, { target, swap: "outerHTML", select: target });
      else location.reload();
    }, 1500);
  }
  // Some devices stop the monotonic clock while they sleep; the two clocks then part.
  async resync() {
    const drift = Date.now() - performance.now();
    if (Math.abs(drift - this.drift) < SLEPT_MS) return;
    location.reload();
  }
}
customElements.define("hold-timer", HoldTimer);
