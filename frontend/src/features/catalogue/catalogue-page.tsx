import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { PageTitle } from "../../ui/page";
import { Paged } from "../../ui/paged";
import { Empty } from "../../ui/states";
import { AssetList, AssetListSkeleton } from "./asset-list";
import { FilterBar } from "./filter-bar";
import { assetsQuery, type CatalogueFilters } from "./queries";

interface Props {
  filters: CatalogueFilters;
  onFilter: (filters: CatalogueFilters) => void;
}

export function CataloguePage({ filters, onFilter }: Props) {
  const query = useInfiniteQuery({ ...assetsQuery(filters), placeholderData: keepPreviousData });
  const narrowed = Object.keys(filters).length > 0;
  return (
    <>
      <PageTitle>Catalogue</PageTitle>
      <div className="py-8 sm:py-12">
        <h1 className="max-w-3xl text-2xl font-semibold text-balance sm:text-3xl">A marketplace for intellectual property that pays everyone upstream</h1>
        <p className="mt-3 max-w-2xl text-muted">
          A sale pays the owners and contributors of a work, and those of the works it was made from. Every amount can be traced to its reason.
        </p>
      </div>
      <FilterBar filters={filters} onChange={onFilter} />
      <div className="mt-6 pb-16" aria-busy={query.isPlaceholderData}>
        <Paged query={query} skeleton={<AssetListSkeleton rows={7} />} empty={<div className="border-t border-line py-6">{narrowed ? <NoMatch /> : <NoWorks />}</div>}>
          {(assets) => <AssetList assets={assets} heading="h2" />}
        </Paged>
      </div>
    </>
  );
}

function NoMatch() {
  return (
    <Empty
      action={
        <Link to="/" search={{}} className="link">
          Show all works
        </Link>
      }
    >
      No work matches this search.
    </Empty>
  );
}

function NoWorks() {
  return (
    <Empty
      action={
        <a href="/docs" className="link">
          How to register one
        </a>
      }
    >
      No works are registered yet.
    </Empty>
  );
}
