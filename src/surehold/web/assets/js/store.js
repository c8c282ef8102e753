// Small comforts of the store. Every page works without this file.

// Quantity: minus and plus beside the number field; in the cart a change is sent by itself.
class QuantityStepper extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    const buttons = [...this.querySelectorAll("[data-step]")];
    const bound = (value) => Math.min(Math.max(value, Number(input.min)), Number(input.max));
    const refresh = () => {
      for (const button of buttons) {
        const value = Number(input.value);
        button.disabled = bound(value + Number(button.dataset.step)) === value;
      }
    };
    let waiting;
    const changed = () => {
      input.value = bound(Math.trunc(Number(input.value)) || Number(input.min));
      refresh();
      if (!this.hasAttribute("data-submit")) return;
      // Several quick presses become one request.
      clearTimeout(waiting);
      waiting = setTimeout(() => input.form.requestSubmit(), 400);
    };
    for (const button of buttons) {
      button.hidden = false;
      button.onclick = () => {
        input.value = Number(input.value) + Number(button.dataset.step);
        changed();
      };
    }
    input.onchange = changed;
    refresh();
  }
}
customElements.define("quantity-stepper", QuantityStepper);

// Opens the dialog it brings. Esc, the close button and the backdrop close it; focus goes back by itself.
class AutoDialog extends HTMLElement {
  connectedCallback() {
    const dialog = this.querySelector("dialog");
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) {
        event.preventDefault();
        dialog.close();
      }
    });
    dialog.addEventListener("close", () => this.remove());
    dialog.showModal();
  }
}
customElements.define("auto-dialog", AutoDialog);

// Filters apply as soon as they change.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto-submit]");
  if (form) form.requestSubmit();
});

// One press is one request: further presses wait until the page answers or comes back from history.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "true";
  (event.submitter ?? form.querySelector("[type=submit]"))?.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll(".btn[aria-disabled]")) button.removeAttribute("aria-disabled");
});

// A fault disappears as soon as the field is right.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-invalid]");
  if (!field || !event.target.validity.valid) return;
  field.removeAttribute("data-invalid");
  event.target.removeAttribute("aria-invalid");
  field.querySelector(".field-error")?.remove();
});

// "Many people are buying right now": count down in sight, then send the very same order again.
for (const form of document.querySelectorAll("form[data-retry-after]")) {
  let left = Number(form.dataset.retryAfter);
  const words = form.querySelector("[data-retry-text]");
  const timer = setInterval(() => {
    words.textContent = left > 0 ? words.dataset.againIn.replace("%(seconds)s", left) : words.dataset.againNow;
    if (left-- > 0) return;
    clearInterval(timer);
    form.requestSubmit(form.querySelector(".pay-row [type=submit]"));
  }, 1000);
}

// What htmx could not do is said on the page. A poll that failed simply asks again, without a word.
function unreachable(event) {
  const { ctx } = event.detail;
  const status = ctx?.response?.status ?? 0;
  if (ctx?.sourceElement?.matches("#payment, #stock, #tracking, [data-suggest]") || status === 409 || status === 422) return;
  document.querySelector("[data-unreachable]")?.remove();
  document.querySelector("main").prepend(document.querySelector("#unreachable").content.cloneNode(true));
  const banner = document.querySelector("[data-unreachable] .banner");
  banner.scrollIntoView({ block: "nearest" });
  banner.focus();
}
document.addEventListener("htmx:response:error", unreachable);
document.addEventListener("htmx:error", unreachable);

// Thumbnails scroll the gallery instead of jumping the page.
document.addEventListener("click", (event) => {
  const thumb = event.target.closest("[data-thumb]");
  if (!thumb) return;
  event.preventDefault();
  const picture = document.querySelector(thumb.getAttribute("href"));
  picture.parentElement.scrollTo({ left: picture.offsetLeft });
  for (const other of thumb.closest("ul").querySelectorAll("[data-thumb]")) other.toggleAttribute("aria-current", false);
  thumb.setAttribute("aria-current", "true");
});

// Nobody reads the stock in a tab that is not looked at.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.detail.ctx?.sourceElement?.matches("#stock")) event.preventDefault();
});

// A row that scrolls sideways shows where one is.
for (const here of document.querySelectorAll(".account-nav [aria-current], .facets [aria-current]")) {
  const strip = here.closest(".account-nav, .facets");
  const [box, frame] = [here.getBoundingClientRect(), strip.getBoundingClientRect()];
  strip.scrollLeft += box.left - frame.left - (frame.width - box.width) / 2;
}

// An enlarged picture takes the focus, and Esc closes it.
addEventListener("hashchange", () => document.querySelector(".zoom:target [data-zoom-close]")?.focus());

// Menus close when attention goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelector(".zoom:target [data-zoom-close]")?.click();
  for (const list of document.querySelectorAll(".suggestions")) list.replaceChildren();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Shoppers read times in their own zone; the exact value stays in the title.
function localize(root) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  for (const time of root.querySelectorAll("time[data-local]")) time.textContent = format.format(new Date(time.dateTime));
}
localize(document);
document.addEventListener("htmx:after:swap", () => localize(document));
