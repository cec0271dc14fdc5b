import { useInfiniteQuery } from "@tanstack/react-query";
import { Paged } from "../../ui/paged";
import { Empty } from "../../ui/states";
import { AssetList, AssetListSkeleton } from "./asset-list";
import { assetsQuery } from "./queries";

/** The works of one account. */
export function OwnedWorks({ owner }: { owner: string }) {
  const query = useInfiniteQuery(assetsQuery({ owner }));
  return (
    <Paged query={query} skeleton={<AssetListSkeleton rows={2} />} empty={<Empty>This account owns no works.</Empty>}>
      {(assets) => <AssetList assets={assets} heading="h3" />}
    </Paged>
  );
}
