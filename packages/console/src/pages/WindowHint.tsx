/** What to know of an audience whose rule has a window. */
export const WindowHint = () => (
  <p class="quiet">
    A tag for orders within some days is decided each time a guest orders: it stays with one who orders no more, and
    where the rule says “until” down to that number. Its page can leave out who has not ordered lately.
  </p>
)
