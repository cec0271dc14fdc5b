import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { CataloguePage } from "../features/catalogue/catalogue-page";
import { parseFilters } from "../features/catalogue/queries";
import { NotFound } from "../ui/not-found";
import { Failure } from "../ui/states";
import { Frame } from "./frame";

const root = createRootRoute({
  component: Frame,
  notFoundComponent: () => <NotFound />,
});

const catalogue = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: parseFilters,
  component: function Catalogue() {
    const navigate = catalogue.useNavigate();
    return (
      <CataloguePage
        filters={catalogue.useSearch()}
        onFilter={(search) => void navigate({ search, replace: true, resetScroll: false })}
      />
    );
  },
});

const work = createRoute({
  getParentRoute: () => root,
  path: "/assets/$id",
  component: lazyRouteComponent(() => import("./lazy-pages"), "Work"),
});

const distribution = createRoute({
  getParentRoute: () => root,
  path: "/distributions/$id",
  component: lazyRouteComponent(() => import("./lazy-pages"), "Distribution"),
});

const account = createRoute({
  getParentRoute: () => root,
  path: "/accounts/$address",
  component: lazyRouteComponent(() => import("./lazy-pages"), "Account"),
});

const books = createRoute({
  getParentRoute: () => root,
  path: "/books",
  component: lazyRouteComponent(() => import("./lazy-pages"), "Books"),
});

const trackRecord = createRoute({
  getParentRoute: () => root,
  path: "/track-record",
  component: lazyRouteComponent(() => import("./lazy-pages"), "TrackRecord"),
});

const market = createRoute({
  getParentRoute: () => root,
  path: "/market",
  component: lazyRouteComponent(() => import("./lazy-pages"), "Market"),
});

const ledger = createRoute({
  getParentRoute: () => root,
  path: "/ledger",
  validateSearch: (search: Record<string, unknown>): { stream?: string } =>
    typeof search["stream"] === "string" && search["stream"] ? { stream: search["stream"] } : {},
  component: lazyRouteComponent(() => import("./lazy-pages"), "Ledger"),
});

export const router = createRouter({
  routeTree: root.addChildren([catalogue, work, distribution, account, market, books, trackRecord, ledger]),
  // Plain words in the address: `?kind=MODEL&q=river`.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(Object.entries(search).map(([name, value]) => [name, String(value)])).toString();
    return text && `?${text}`;
  },
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
