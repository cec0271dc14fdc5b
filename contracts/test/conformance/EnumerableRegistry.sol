// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AssetRegistry} from "../../src/AssetRegistry.sol";
import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";

/// @notice The registry, as outside suites of ERC-721 properties want it: anyone may mint, holders may burn, and tokens
/// can be enumerated. Nothing of the registry is replaced: minting registers a work, enumeration looks at every id.
/// @dev For tests only. Ids are never used again; enumeration is in the order of ids. `supportsInterface` is the
/// registry's own and does not name ERC721Enumerable. The names with an underscore are those of such suites.
contract EnumerableRegistry is AssetRegistry {
    bool public constant isMintableOrBurnable = true;

    constructor(address manager, IPayouts payouts) AssetRegistry(manager, payouts) {}

    function mint(address to) public returns (uint256 assetId) {
        IAssetRegistry.Registration memory work;
        work.to = to;
        work.open = true;
        work.contentHash = keccak256(abi.encode(this.assetCount()));
        work.cid = "cid";
        work.shares = new IAssetRegistry.Share[](1);
        work.shares[0] = IAssetRegistry.Share({account: address(1), bps: 10_000});
        return this.register(work);
    }

    function _customMint(address to) external {
        mint(to);
    }

    function _customMaxSupply() external pure returns (uint256) {
        return type(uint64).max;
    }

    function burn(uint256 assetId) external {
        _update({to: address(0), assetId: assetId, auth: msg.sender});
    }

    /// @notice Whether an id was burned.
    function usedId(uint256 assetId) external view returns (bool) {
        return assetId != 0 && assetId <= this.assetCount() && _ownerOf(assetId) == address(0);
    }

    function totalSupply() public view returns (uint256 count) {
        uint256 last = this.assetCount();
        for (uint256 id = 1; id <= last; ++id) {
            if (_ownerOf(id) != address(0)) ++count;
        }
    }

    function tokenByIndex(uint256 index) external view returns (uint256) {
        uint256 last = this.assetCount();
        for (uint256 id = 1; id <= last; ++id) {
            if (_ownerOf(id) == address(0)) continue;
            if (index == 0) return id;
            --index;
        }
        revert("index out of bounds");
    }

    function tokenOfOwnerByIndex(address owner, uint256 index) external view returns (uint256) {
        uint256 last = this.assetCount();
        for (uint256 id = 1; id <= last; ++id) {
            if (_ownerOf(id) != owner) continue;
            if (index == 0) return id;
            --index;
        }
        revert("index out of bounds");
    }
}
