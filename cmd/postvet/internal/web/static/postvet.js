// The pages work without this script. It adds what HTML alone cannot do.
"use strict";

// On a narrow screen the menu begins closed.
if (matchMedia("(max-width: 60rem)").matches) {
  document.querySelector("details.menu")?.removeAttribute("open");
}

// "/" leads to the search, as in many tools, unless the user writes.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  const field = document.getElementById("find");
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// Copy buttons need a clipboard, which browsers give to secure pages alone.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code, textarea");
      await navigator.clipboard.writeText(text.value ?? text.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}

// On paper all evidence is open, also in browsers that cannot open it by style alone.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("main details:not([open], .numbers)")];
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
