// Stands in for Stripe's own script in tests: strict where it is, its field in a frame of its own origin.
const BASE = "__BASE__";
window.Stripe = (key, { locale }) => {
  if (!["en", "de", "fr", "auto"].includes(locale)) throw new Error(`locale: ${locale}`);
  return {
    elements({ clientSecret, appearance }) {
      const odd = Object.entries(appearance.variables).filter(([name, value]) => name.startsWith("color") && !/^#[0-9a-f]{6}$/.test(value));
      if (odd.length) throw new Error(`appearance: ${odd}`);
      const heard = {};
      return {
        clientSecret,
        create(kind) {
          if (kind !== "payment") throw new Error(`no such element: ${kind}`);
          return {
            on: (name, listener) => void (heard[name] = listener),
            mount: (place) => {
              this.frame = Object.assign(document.createElement("iframe"), { src: "https://js.stripe.com/v3/element.html", title: "Secure payment input frame" });
              this.frame.onload = () => heard.ready();
              place.append(this.frame);
            },
          };
        },
      };
    },
    async confirmPayment({ elements, confirmParams }) {
      const card = await new Promise((done) => {
        window.addEventListener("message", ({ data, origin }) => origin === "https://js.stripe.com" && done(data), { once: true });
        elements.frame.contentWindow.postMessage("card", "https://js.stripe.com");
      });
      const sent = JSON.stringify({ key, client_secret: elements.clientSecret, card });
      const answer = await (await fetch(`${BASE}/page/confirm`, { method: "POST", body: sent })).json();
      if (answer.error) return { error: answer.error };
      const back = new URL(confirmParams.return_url);
      back.searchParams.set("payment_intent", answer.payment_intent.id);
      back.searchParams.set("payment_intent_client_secret", elements.clientSecret);
      back.searchParams.set("redirect_status", "succeeded");
      location.assign(back);
      return new Promise(() => {});
    },
  };
};
