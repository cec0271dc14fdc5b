import { Link } from "@tanstack/react-router";
import { PageTitle } from "./page";

/** For addresses that lead nowhere: what is missing, and the way back. */
export function NotFound({ what = "There is no such page." }: { what?: string }) {
  return (
    <div className="py-16">
      <PageTitle>Not found</PageTitle>
      <p className="text-sm text-muted">Not found</p>
      <h1 className="mt-1 text-2xl font-semibold">{what}</h1>
      <p className="mt-6">
        <Link to="/" className="link">
          See the catalogue
        </Link>
      </p>
    </div>
  );
}
