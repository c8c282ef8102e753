// The payment service's own form within our page. Its script comes from its own address, as every service
// asks; what is typed goes to it alone, and what it says of a payment is asked of it again by the server.
const services = {
  // Its fields are mounted in the page; what it does then ends at the address that the browser is sent to.
  stripe(form) {
    const { key, secret, language, then } = form.options;
    const stripe = window.Stripe(key, { locale: ["en", "de", "fr"].includes(language) ? language : "auto" });
    const elements = stripe.elements({ clientSecret: secret, appearance: lookOf(form) });
    const element = elements.create("payment");
    element.on("ready", () => form.ready());
    element.on("loaderror", () => form.fail());
    element.mount(form.place);
    const confirmParams = { return_url: new URL(then, location.href).href };
    return async () => {
      const { error } = await stripe.confirmPayment({ elements, confirmParams });
      // It is over already, in another window perhaps: the server knows how it ended.
      if (error?.code === "payment_intent_unexpected_state") location.assign(then);
      return error?.message;
    };
  },
  // It opens a window over the page, and gives back a proof that the server checks.
  razorpay(form) {
    const { then, ...options } = form.options;
    form.ready();
    return () =>
      new Promise((done) => {
        const modal = { ondismiss: () => done() };
        const checkout = new window.Razorpay({ ...options, modal, handler: (proof) => post(then, proof) });
        checkout.on("payment.failed", ({ error }) => form.say(error.description));
        checkout.open();
      });
  },
};

class ProviderForm extends HTMLElement {
  async connectedCallback() {
    this.options = JSON.parse(this.dataset.options);
    this.place = this.querySelector("[data-place]");
    this.button = this.querySelector("button");
    this.fault = this.querySelector("[data-fault]");
    this.waiting = this.querySelector("[data-waiting]");
    this.waiting.hidden = false;
    try {
      await load(this.dataset.script);
      this.pay = services[this.dataset.provider](this);
    } catch {
      this.fail();
    }
  }
  ready() {
    this.waiting.hidden = true;
    this.button.hidden = this.querySelector("[data-note]").hidden = false;
    this.button.onclick = () => this.press();
  }
  fail() {
    this.waiting.hidden = this.place.hidden = true;
    this.say(this.dataset.sayDown);
  }
  say(text) {
    this.fault.textContent = text ?? "";
    this.fault.hidden = !text;
  }
  async press() {
    if (this.button.ariaDisabled === "true") return;
    this.button.ariaDisabled = "true";
    this.say();
    try {
      const refusal = await this.pay();
      if (refusal) this.say(refusal);
    } catch {
      this.say(this.dataset.sayUnsure);
    }
    this.button.ariaDisabled = null;
  }
}

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

function post(address, fields) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: address, hidden: true });
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}

// The store's colors as #rrggbb, whatever way they are written in: a service's form is drawn by itself.
function lookOf(form) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const style = getComputedStyle(form);
  const color = (name) => {
    pen.fillStyle = style.getPropertyValue(name);
    pen.fillRect(0, 0, 1, 1);
    const parts = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  };
  return {
    theme: document.documentElement.classList.contains("dark") ? "night" : "stripe",
    variables: {
      colorPrimary: color("--primary"),
      colorBackground: color("--card"),
      colorText: color("--foreground"),
      colorDanger: color("--destructive"),
      fontSizeBase: "16px",
      borderRadius: "8px",
    },
  };
}
customElements.define("provider-form", ProviderForm);
