import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { MirrorBanner } from "../features/mirror/mirror-banner";
import { MirrorBlock } from "../features/mirror/mirror-block";
import { marketQuery } from "../features/mirror/queries";
import { Column } from "../ui/page";

/** What every page stands in. */
export function Frame() {
  useFreshness();
  const main = useFocusOnNavigation();
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#main" className="absolute top-2 left-2 z-10 -translate-y-20 rounded-sm border border-accent bg-surface px-4 py-2 text-accent focus:translate-y-0">
        Skip to the content
      </a>
      <Header />
      <MirrorBanner />
      <main id="main" ref={main} tabIndex={-1} className="flex-1">
        <Column>
          <Outlet />
        </Column>
      </main>
      <Footer />
    </div>
  );
}

function Header() {
  return (
    <header className="border-b border-line bg-surface">
      <Column className="flex min-h-14 flex-wrap items-center gap-x-5 gap-y-1 py-2">
        <Link to="/" className="flex items-center gap-2 text-lg font-semibold">
          <svg viewBox="0 0 32 32" className="size-6 fill-none stroke-accent" strokeWidth="2.5" strokeLinecap="round" aria-hidden="true">
            <path d="M16 29V20C16 12 5 13 5 3M16 20V3M16 20C16 12 27 13 27 3" />
          </svg>
          Tributary
        </Link>
        <nav aria-label="Main" className="flex gap-x-5 text-sm">
          <Link to="/" className="hidden py-1 hover:text-accent sm:block" activeOptions={{ exact: true, includeSearch: false }} activeProps={{ className: "text-accent" }}>
            Catalogue
          </Link>
          <Link to="/market" className="py-1 hover:text-accent" activeProps={{ className: "text-accent" }}>
            Market
          </Link>
          <Link to="/ledger" className="py-1 hover:text-accent" activeProps={{ className: "text-accent" }}>
            Ledger
          </Link>
          <Link to="/books" className="py-1 hover:text-accent" activeProps={{ className: "text-accent" }}>
            Books
          </Link>
          <a href="/docs" className="py-1 hover:text-accent">
            API reference
          </a>
        </nav>
        <div className="ml-auto">
          <MirrorBlock />
        </div>
      </Column>
    </header>
  );
}

function Footer() {
  return (
    <footer className="border-t border-line">
      <Column className="py-6 text-sm text-muted">The chain is the truth for ownership and money; these pages mirror it.</Column>
    </footer>
  );
}

/** Reads the pages' data again when the mirror has moved. */
function useFreshness() {
  const client = useQueryClient();
  const { data } = useQuery(marketQuery());
  const mark = data && `${data.mirror.blockNumber}/${data.mirror.finalizedNumber}`;
  const seen = useRef(mark);
  useEffect(() => {
    if (seen.current !== undefined && seen.current !== mark) void client.invalidateQueries({ queryKey: ["chain"] });
    seen.current = mark;
  }, [client, mark]);
}

/** After a step to another page the keyboard and screen readers start at its content, not at the top of the frame. */
function useFocusOnNavigation() {
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const seen = useRef(path);
  useEffect(() => {
    if (seen.current !== undefined && seen.current !== path) main.current?.focus({ preventScroll: true });
    seen.current = path;
  }, [path]);
  return main;
}
