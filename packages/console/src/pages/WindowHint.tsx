/** What to know of an audience whose rule has a window. */
export const WindowHint = () => (
  <p class="quiet">
    A tag for orders within some days is decided at each guest's newest order, so that one who orders no more keeps it.
    Days of the last order limit its list to guests who ordered lately.
  </p>
)
