/** How a marketer gets another rule. */
export const RulesHint = () => (
  <p class="quiet">
    On real servers the rules are a file, <code>{"rules: [{ tag, category, threshold }]"}</code>, with{" "}
    <code>window_days</code> and <code>exit_threshold</code> where only orders within some days are to count:{" "}
    <code>npx metka rules apply FILE --dry-run</code> tells what would change, and without <code>--dry-run</code> it
    changes. <code>npm start -- --rules FILE</code> takes such a file, and again each time it is saved.
  </p>
)
