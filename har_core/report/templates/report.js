"use strict";

/* Shows what a list chooses, and sorts tables by their columns. Without it the page says the same. */

for (const list of document.querySelectorAll("select[data-shows]")) {
  const show = () => {
    for (const option of list.options) document.getElementById(option.value).hidden = !option.selected;
  };
  list.addEventListener("change", show);
  show(); // a browser may have kept another choice when the page is opened again
}

const valueOf = (cell) => {
  const text = cell.textContent.trim();
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return Number.isNaN(number) ? text : number;
};

/* Numbers first, then words; what is not there stays at the end in both directions. */
const compare = (one, other, sign) => {
  if (one === "–" || other === "–") return (one === "–") - (other === "–");
  if (typeof one === typeof other) return sign * (typeof one === "number" ? one - other : one.localeCompare(other));
  return sign * (typeof one === "number" ? -1 : 1);
};

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const head of table.tHead.rows[0].cells) {
    if (!head.textContent.trim()) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const column = head.cellIndex;
      const isNumber = [...body.rows].some((row) => typeof valueOf(row.cells[column]) === "number");
      const direction = { descending: "ascending", ascending: "descending" }[head.ariaSort] ?? (isNumber ? "descending" : "ascending");
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction);
      const rows = [...body.rows].filter((row) => !row.classList.contains("total"));
      const sign = direction === "ascending" ? 1 : -1;
      rows.sort((a, b) => compare(valueOf(a.cells[column]), valueOf(b.cells[column]), sign));
      body.prepend(...rows);
    });
  }
}

/* Shows the models that are ticked, and all where none is; charts of many then draw those too. */

const picker = document.getElementById("picker");
if (picker) {
  const form = picker.querySelector("form");
  const boxes = [...form.querySelectorAll("input")];
  const told = picker.querySelector("output");
  const known = new Set(boxes.map((box) => box.value));
  const parts = [...document.querySelectorAll("[data-model]")].filter((part) => known.has(part.dataset.model));
  const show = () => {
    const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    for (const part of parts) {
      part.hidden = chosen.size ? !chosen.has(part.dataset.model) : part.hasAttribute("data-more");
    }
    for (const list of document.querySelectorAll("select[data-shows]")) {
      const there = [...list.options].filter((option) => !option.hidden);
      if (there.length && list.selectedOptions[0].hidden) {
        list.value = there[0].value;
        list.dispatchEvent(new Event("change"));
      }
    }
    told.textContent = chosen.size ? `, ${chosen.size} of ${boxes.length} are shown` : `, all ${boxes.length} are shown`;
  };
  picker.hidden = false;
  form.addEventListener("change", show);
  form.querySelector(".all").addEventListener("click", () => {
    for (const box of boxes) box.checked = false;
    show();
  });
  for (const family of form.querySelectorAll("fieldset")) {
    family.querySelector("button").addEventListener("click", () => {
      const own = [...family.querySelectorAll("input")];
      const tick = own.some((box) => !box.checked);
      for (const box of own) box.checked = tick;
      show();
    });
  }
  show(); // a browser may have kept ticks when the page is opened again
}
