"use strict";
const filter = document.getElementById("x-filter");
if (filter) {
  filter.hidden = false;
  filter.querySelector("select").addEventListener("change", (event) => {
    for (const row of document.querySelectorAll("#x-log tbody tr")) {
      row.hidden = event.target.value !== "" && row.dataset.of !== event.target.value;
    }
  });
}
