// Theme, navigation, menus, dialogs and the Chart | Table switch. Everything works by
// delegation, so what htmx swaps in needs no set-up.
(() => {
  "use strict";
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const systemTheme = () => (systemDark.matches ? "dark" : "light");
  const currentTheme = () => root.dataset.theme || systemTheme();

  function remember(theme) {
    try {
      if (theme) localStorage.setItem("theme", theme);
      else localStorage.removeItem("theme");
    } catch {
      // Storage may be forbidden; the choice then lasts for this page.
    }
  }

  function announceTheme() {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", `Use ${currentTheme() === "dark" ? "light" : "dark"} theme`);
    }
    document.dispatchEvent(new CustomEvent("tonne:theme"));
  }

  function toggleTheme() {
    const theme = currentTheme() === "dark" ? "light" : "dark";
    // Choosing what the system has anyway means following the system again.
    if (theme === systemTheme()) {
      delete root.dataset.theme;
      remember(null);
    } else {
      root.dataset.theme = theme;
      remember(theme);
    }
    announceTheme();
  }

  function toggleNavigation(button) {
    const nav = document.getElementById(button.getAttribute("aria-controls"));
    const open = nav.toggleAttribute("data-open");
    button.setAttribute("aria-expanded", String(open));
  }

  function showFigureAs(button) {
    const figure = button.closest(".figure");
    const table = button.dataset.figureShow === "table";
    for (const other of figure.querySelectorAll("[data-figure-show]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    figure.toggleAttribute("data-as-table", table);
    if (!table) dispatchEvent(new Event("resize"));
  }

  async function copyText(button) {
    const source = document.getElementById(button.dataset.copy);
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = label), 1600);
  }

  const clicks = {
    "[data-theme-toggle]": toggleTheme,
    "[data-nav-toggle]": toggleNavigation,
    "[data-figure-show]": showFigureAs,
    "[data-copy]": copyText,
    "[data-dismiss]": (button) => button.closest(".notice").remove(),
    "[data-print]": () => print(),
  };

  document.addEventListener("click", (event) => {
    for (const [selector, action] of Object.entries(clicks)) {
      const element = event.target.closest(selector);
      if (element) action(element);
    }
    closeMenus(event);
  });

  // A menu closes when one clicks or tabs out of it.
  function closeMenus(event) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  }
  document.addEventListener("focusin", closeMenus);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A select or checkbox marked data-submit sends its form as soon as it changes.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // components/dialog.html asks before a form is sent that says what to ask.
  function ask(form, button) {
    const dialog = document.getElementById("question");
    dialog.querySelector("h2").textContent = form.dataset.confirm;
    dialog.querySelector("p").textContent = form.dataset.confirmText ?? "";
    const yes = dialog.querySelector("[value=yes]");
    yes.textContent = button.textContent.trim();
    yes.className = `button ${"danger" in form.dataset ? "button-danger" : "button-primary"}`;
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return;
      form.dataset.confirmed = "yes";
      form.requestSubmit(button);
    };
    dialog.showModal();
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !form.dataset.confirmed) {
      event.preventDefault();
      ask(form, event.submitter ?? form.querySelector("[type=submit]"));
      return;
    }
    if (form.method !== "post" || event.defaultPrevented || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      delete form.dataset.confirmed;
    }
  });

  // On a phone a table's row becomes a block, each value beside its column's heading. Its style
  // would take a table's meaning from it; roles give it back.
  const stacking = ".table:not(.table-runs, .figure .table)";

  function headingText(cell) {
    if (cell.dataset.heading) return cell.dataset.heading;
    const copy = cell.cloneNode(true);
    for (const hidden of copy.querySelectorAll(".visually-hidden, svg")) hidden.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  }

  function stack(table) {
    const headings = [...(table.tHead?.rows[0]?.cells ?? [])].map(headingText);
    if (headings.length < 3) return;
    table.setAttribute("role", "table");
    table.dataset.stacks = "";
    for (const part of table.children) if (part.matches("thead, tbody, tfoot")) part.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      let at = 0;
      for (const cell of row.cells) {
        const label = cell.colSpan === 1 ? headings[at] : "";
        at += cell.colSpan;
        const heads = cell.tagName === "TH";
        cell.setAttribute("role", !heads ? "cell" : cell.scope === "col" ? "columnheader" : "rowheader");
        if (label && !heads) cell.dataset.label = label;
        if (!cell.textContent.trim() && !cell.querySelector("input, img, svg")) cell.dataset.blank = "";
      }
    }
  }

  const stackAll = () => document.querySelectorAll(stacking).forEach(stack);
  document.addEventListener("DOMContentLoaded", stackAll);
  document.addEventListener("htmx:afterSwap", stackAll);

  systemDark.addEventListener("change", announceTheme);
  document.addEventListener("DOMContentLoaded", announceTheme);

  // One starts at the first field that is wrong, and at a sign-in's first one.
  document.addEventListener("DOMContentLoaded", () => {
    const wrong = document.querySelector("main [aria-invalid=true]");
    (wrong ?? document.querySelector(".entrance-card input:not([type=hidden])"))?.focus();
  });

  // Tabs that do not fit scroll; the current one is in sight.
  document.addEventListener("DOMContentLoaded", () => {
    const row = document.querySelector(".tabs ul");
    const current = row?.querySelector("[aria-current]");
    if (current) row.scrollLeft = current.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
  });
})();
