// Tables that sort by a click on a head, and that show the rows with a text. The page reads the same without this script.
(() => {
  const SEARCHED = 20; // rows from which a table has a field for a text
  const number = (text) => {
    const match = text.trim().replace(/\u2212/g, "-").match(/^[+-]?[\d,]*\.?\d+/);
    return match ? parseFloat(match[0].replace(/,/g, "")) : null;
  };
  const compare = (a, b) => {
    if (a.value !== null && b.value !== null) return a.value - b.value;
    if (a.value !== null || b.value !== null) return a.value === null ? 1 : -1; // rows without a number come last
    return a.text.localeCompare(b.text);
  };
  const sort = (table, column, ascending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => {
      const text = row.cells[column].textContent;
      return { row, place, text, value: number(text) };
    });
    const sign = ascending ? 1 : -1;
    rows.sort((a, b) => {
      const isMissing = (a.value === null) !== (b.value === null);
      return (isMissing ? 1 : sign) * compare(a, b) || a.place - b.place;
    });
    body.append(...rows.map(({ row }) => row));
  };
  const addSorting = (table) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.textContent.trim() || head.classList.contains("w")) return;
      const button = document.createElement("button");
      button.append(...head.childNodes);
      button.title = "Sort by this column";
      head.append(button);
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("n");
        const before = head.getAttribute("aria-sort");
        const ascending = before ? before === "descending" : !isNumber; // the largest number first
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sort(table, column, ascending);
      });
    });
  };
  const addSearch = (table) => {
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = `Search ${table.tBodies[0].rows.length} rows`;
    field.setAttribute("aria-label", "Show the rows with this text");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
    table.parentElement.before(field);
  };
  for (const table of document.querySelectorAll("table")) {
    const rows = table.tBodies[0].rows.length;
    if (rows > 2 && !table.closest(".record")) addSorting(table);
    if (rows > SEARCHED) addSearch(table);
  }
})();
