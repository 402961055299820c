"use strict";
const grid = document.getElementById("cards");
const order = document.getElementById("order");
const wanted = document.getElementById("wanted");
const cards = [...grid.children];
const names = new Intl.Collator(undefined, { numeric: true });
for (const card of cards) card.values = JSON.parse(card.dataset.values);

function arrange() {
  const key = Number(order.value);
  cards.sort((a, b) => (key < 0 ? 0 : b.values[key] - a.values[key]) || names.compare(a.dataset.name, b.dataset.name));
  grid.append(...cards);
}

function filter() {
  const text = wanted.value.trim().toLowerCase();
  let shown = 0;
  for (const card of cards) {
    card.hidden = !card.dataset.name.toLowerCase().includes(text);
    shown += !card.hidden;
  }
  document.getElementById("shown").textContent = text ? `${shown} of ${cards.length}` : "";
}

order.addEventListener("change", arrange);
wanted.addEventListener("input", filter);
document.getElementById("tools").hidden = false;
arrange();
filter();
