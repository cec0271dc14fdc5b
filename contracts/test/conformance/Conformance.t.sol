// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {ERC721Properties} from "./ERC721Properties.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

contract RegistryConformanceTest is ERC721Properties {
    uint256 private _minted;

    function _deploy() internal override {
        nft = IERC721(address(registry));
    }

    function _mintTo(address to) internal override returns (uint256) {
        return registry.register(_registration(to, bytes32(++_minted)));
    }

    function _isExtra(bytes4 interfaceId) internal pure override returns (bool) {
        return interfaceId == 0x2a55205a || interfaceId == 0x49064906;
    }

    // ------------------------------------------------------------------------------------------------------- metadata

    function test_EveryTokenHasItsAddress() public {
        uint256 id = _mintTo(alice);
        assertEq(registry.tokenURI(id), "");
        vm.prank(governor);
        registry.setBaseURI("https://example.org/");
        assertEq(registry.tokenURI(id), "https://example.org/1");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 2));
        registry.tokenURI(2);
    }

    // ------------------------------------------------------------------------------------------------------- ERC-2981

    function test_RoyaltyInterface() public view {
        assertTrue(_supports(0x2a55205a));
    }

    function testFuzz_RoyaltyIsAPartOfThePriceRoundedDown(uint16 royaltyBps, uint240 price) public {
        IAssetRegistry.Registration memory work = _registration(alice, "work");
        work.royaltyBps = royaltyBps % 5001;
        uint256 id = registry.register(work);
        (address receiver, uint256 amount) = registry.royaltyInfo(id, price);
        assertEq(receiver, registry.royaltyInbox(id));
        assertEq(amount, uint256(price) * work.royaltyBps / 10_000);
        assertLe(amount, price);
    }

    /// @dev The amount is a part of the price, so it never falls while the price rises.
    function testFuzz_RoyaltyGrowsWithThePrice(uint240 a, uint240 b) public {
        uint256 id = _mintTo(alice);
        (, uint256 less) = registry.royaltyInfo(id, a < b ? a : b);
        (, uint256 more) = registry.royaltyInfo(id, a < b ? b : a);
        assertLe(less, more);
    }

    function test_RoyaltyStaysWithTheAsset() public {
        uint256 id = _mintTo(alice);
        (address receiver, uint256 amount) = registry.royaltyInfo(id, 1 ether);
        vm.prank(alice);
        registry.transferFrom(alice, bob, id);
        (address afterwards, uint256 same) = registry.royaltyInfo(id, 1 ether);
        assertEq(afterwards, receiver);
        assertEq(same, amount);
    }

    function test_RevertWhen_TheRoyaltyOfNothingIsAsked() public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 1));
        registry.royaltyInfo(1, 1 ether);
    }

    // ------------------------------------------------------------------------------------------- ERC-4906 and ERC-7572

    function test_MetadataUpdatesAreAnnounced() public {
        assertTrue(_supports(0x49064906));
        uint256 id = _mintTo(alice);
        vm.expectEmit(address(registry));
        emit IAssetRegistry.MetadataUpdate(id);
        vm.prank(alice);
        registry.updateCid(id, "another");
    }

    function test_UpdatesOfAllMetadataAreAnnounced() public {
        assertEq(registry.contractURI(), "");
        vm.expectEmit(address(registry));
        emit IAssetRegistry.ContractURIUpdated();
        vm.expectEmit(address(registry));
        emit IAssetRegistry.BatchMetadataUpdate(1, type(uint256).max);
        vm.prank(governor);
        registry.setBaseURI("https://example.org/");
        assertNotEq(registry.contractURI(), "");
    }
}

contract LicencesConformanceTest is ERC721Properties {
    ILicences private _licences;
    uint256 private _work;
    bytes32 private _termsId;

    function _deploy() internal override {
        _licences = ILicences(deployCode("Licences.sol:Licences", abi.encode(registry, payouts)));
        nft = IERC721(address(_licences));
        _work = _register(treasury, "licensed");
        ILicences.Terms memory terms;
        (terms.textHash, terms.cid, terms.flags) = ("text", CID, 8);
        vm.prank(treasury);
        _termsId = _licences.offer(_work, terms);
    }

    function _mintTo(address to) internal override returns (uint256) {
        return _licences.buy(_termsId, _work, to, 0);
    }
}
