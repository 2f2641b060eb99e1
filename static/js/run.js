// Searchable fields: a native list only offers what its field already says, so choosing anew
// starts with the text selected.
document.addEventListener("focusin", (event) => {
  if (event.target.matches("input[data-options]")) event.target.select();
});
