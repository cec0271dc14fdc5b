import { Link } from "@tanstack/react-router";
import { kindName } from "../../lib/kinds";
import { count } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { Confluence } from "../../ui/confluence";
import { FinalityMark } from "../../ui/finality-mark";
import { SkeletonRows } from "../../ui/skeleton";
import type { Asset } from "./queries";

/** Works as entries of a register. `heading`: the level of their titles on the page. */
export function AssetList({ assets, heading }: { assets: Asset[]; heading: "h2" | "h3" }) {
  return (
    <ol className="border-b border-line">
      {assets.map((asset) => (
        <Entry key={asset.id} asset={asset} heading={heading} />
      ))}
    </ol>
  );
}

export function AssetListSkeleton({ rows }: { rows: number }) {
  return <SkeletonRows rows={rows} className="h-38 sm:h-27" />;
}

function Entry({ asset, heading: Heading }: { asset: Asset; heading: "h2" | "h3" }) {
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-6 gap-y-3 border-t border-line py-4 sm:grid-cols-[2rem_minmax(0,1fr)_auto_6rem] lg:grid-cols-[3rem_minmax(0,1fr)_17rem_9rem]">
      <p className="hidden pt-0.5 font-mono text-sm text-muted sm:block">
        <span className="sr-only">Number </span>
        {asset.id}
      </p>
      <div className="col-span-2 sm:col-span-1">
        <Heading className="text-lg font-semibold">
          <Link to="/assets/$id" params={{ id: asset.id }} className="hover:text-accent hover:underline hover:underline-offset-4">
            {asset.title}
          </Link>
        </Heading>
        {asset.description && <p className="line-clamp-2 text-sm text-muted sm:line-clamp-1">{asset.description}</p>}
        <p className="mt-1 text-sm text-muted">
          <span className="text-ink">{kindName(asset.kind)}</span>, owned by <AddressLink address={asset.owner} />
        </p>
      </div>
      <div className="flex items-center gap-4 self-end sm:self-center">
        <Confluence parents={asset.parents} derived={asset.derived} />
        <ul className="text-sm text-muted">
          {asset.parents > 0 && <li>Made from {count(asset.parents, "work")}</li>}
          {asset.derived > 0 && <li>{count(asset.derived, "work")} made from it</li>}
          {asset.contributors > 0 && <li>{count(asset.contributors, "contributor")}</li>}
          {asset.parents + asset.derived + asset.contributors === 0 && <li>Stands alone</li>}
        </ul>
      </div>
      <div className="flex flex-col items-end justify-end gap-1 sm:justify-center">
        {asset.listing ? (
          <p className="text-lg">
            <span className="sr-only">For sale at </span>
            <Amount value={asset.listing.price} currency={asset.listing.currency} places={6} className="font-medium" />
          </p>
        ) : (
          <p className="text-sm text-muted">Not for sale</p>
        )}
        <FinalityMark finality={asset.finality} />
      </div>
    </li>
  );
}
