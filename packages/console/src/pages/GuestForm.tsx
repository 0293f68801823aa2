/** Asks for a guest. */
export const GuestForm = ({ id }: { readonly id?: string }) => (
  <form action="/guest" method="get">
    <input name="id" required aria-label="Guest" placeholder="The app's id of the guest" value={id ?? ""} />
    <button type="submit">Why these tags?</button>
  </form>
)
