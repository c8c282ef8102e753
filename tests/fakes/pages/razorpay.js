// Stands in for Razorpay's own script in tests: a window over the page, built and styled as theirs is.
const BASE = "__BASE__";
window.Razorpay = class {
  constructor(options) {
    for (const name of ["key", "order_id", "amount", "currency", "name"]) {
      if (!options[name]) throw new Error(`${name} is missing`);
    }
    this.options = options;
    this.heard = {};
  }
  on(name, listener) {
    this.heard[name] = listener;
  }
  open() {
    const container = Object.assign(document.createElement("div"), { className: "razorpay-container" });
    Object.assign(container.style, { zIndex: 1e9, position: "fixed", top: 0, left: 0, width: "100%", height: "100%" });
    for (const what of ["success", "decline", "close"]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Razorpay: ${what}` });
      button.onclick = () => this.press(what, container);
      container.append(button);
    }
    document.body.append(container);
  }
  async press(outcome, container) {
    const { key, order_id, amount, currency } = this.options;
    if (outcome === "close") {
      container.remove();
      this.options.modal.ondismiss();
      return;
    }
    const sent = JSON.stringify({ key, order_id, amount, currency, outcome });
    const answer = await (await fetch(`${BASE}/page/pay`, { method: "POST", body: sent })).json();
    if (answer.error) this.heard["payment.failed"](answer);
    else this.options.handler(answer);
  }
};
