// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {BaseTest, IRegistry} from "./Base.t.sol";
import {Wallet} from "./mocks/Receivers.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

// register
// ├── when the content hash is zero, or was registered before: it should revert
// ├── when the CID is empty or above 128 bytes, or the royalty above half: it should revert
// ├── when there is no share, more than 32, one that is empty, not ascending, or their sum is not the whole: it should revert
// ├── when `to` is zero: it should revert
// ├── when the parents are above 16, not ascending, or not older: it should revert
// ├── given a parent is closed
// │   ├── given the registrant holds it: it should need no consent
// │   ├── when there is no consent, or consents do not fit the parents: it should revert
// │   ├── when 32 bytes name a licence: it should use it up, see Licences.t.sol
// │   ├── when its holder signed for this work, this registrant and this epoch, in time: it should accept
// │   └── else: it should revert
// └── else: it should give the next id, store the work, and say all of it in the event
//     └── given it has parents, several owners or another first owner: it should store the hash of its lineage
// registerBatch
// ├── when there are more than 64, or one fails: it should revert
// └── else: it should be the same as to register one by one
// registerBySig
// ├── when the deadline has passed: it should revert
// ├── when anything differs from what the registrant signed: it should revert
// └── else: it should register for the registrant, whoever sends it, once
// transferForSale
// ├── when the seller is not the owner, or the epoch has passed: it should revert
// ├── given the asset is frozen up to and including this second: it should revert
// ├── when `to` is zero, or the caller is not approved: it should revert
// └── else: it should transfer, count, end the approval, and return the royalty
// setFrozenUntil
// ├── when the caller is not Disputes, the asset is unknown, or the time is above 32 bits: it should revert
// └── else: it should stop sales until then, and no transfer
// link
// ├── when the caller is not the admin, one of the two is zero, or it was done before: it should revert
// └── else: it should tie Licences and Disputes to the registry
// lowerRoyalty
// ├── when the caller is not the owner, or the asset is unknown: it should revert
// ├── given the asset was ever transferred: it should revert
// ├── when the royalty does not fall: it should revert
// └── else: it should lower it
// updateCid
// ├── when the caller is not the owner, or the CID is empty or too long: it should revert
// └── else: it should announce the CID and new metadata
// setBaseURI
// ├── when the caller is not GOVERNOR: it should revert
// └── else: it should change every token's and the contract's address, and announce it
// transferFrom, safeTransferFrom, approve, setApprovalForAll: see conformance/
// ├── when the caller may not, `from` is not the owner, or `to` is zero: it should revert
// └── else: it should move the asset, count the transfer, even one to oneself, and end the approval
contract AssetRegistryTest is BaseTest {
    bytes32 internal constant WORK = keccak256("work");

    // ------------------------------------------------------------------------------------------------------- register

    function test_Register() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.kind = IAssetRegistry.Kind.PHYSICAL;
        vm.expectEmit();
        emit IERC721.Transfer(address(0), alice, 1);
        vm.expectEmit();
        emit IAssetRegistry.Registered(
            2, 1, bob, alice, r.kind, true, WORK, ROYALTY_BPS, CID, r.shares, new uint256[](0)
        );
        vm.prank(bob);
        assertEq(registry.register(r), 1);

        assertEq(registry.ownerOf(1), alice);
        assertEq(registry.balanceOf(alice), 1);
        assertEq(registry.assetOf(WORK), 1);
        assertEq(registry.assetCount(), 1);
        assertEq(registry.eventSeq(), 2);
        assertEq(registry.epochOf(1), 0);
        assertEq(registry.detailsOf(1).royaltyBps, ROYALTY_BPS);
        assertEq(registry.lineageHash(1), 0);
        IAssetRegistry.Details memory details = registry.detailsOf(1);
        assertEq(details.owner, alice);
        assertEq(details.epoch, 0);
        assertEq(details.royaltyBps, ROYALTY_BPS);
        assertEq(uint8(details.kind), 7);
        assertTrue(details.open);
    }

    function test_NamesAndDomain() public view {
        assertEq(registry.name(), "Tributary");
        assertEq(registry.symbol(), "TRIBUTARY");
        bytes memory domain = abi.encode(
            bytes1(0x0f), "Tributary Registry", "1", block.chainid, address(registry), bytes32(0), new uint256[](0)
        );
        (, bytes memory told) = address(registry).staticcall(abi.encodeCall(IERC5267.eip712Domain, ()));
        assertEq(told, domain);
    }

    function test_RegisterNumbersFromOne() public {
        for (uint256 i = 1; i <= 5; ++i) {
            assertEq(_register(alice, bytes32(i)), i);
            assertEq(registry.eventSeq(), i + 1);
        }
        assertEq(registry.balanceOf(alice), 5);
    }

    function test_LineageHashOfSeveralOwners() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.shares = _shares(2);
        registry.register(r);
        assertEq(registry.lineageHash(1), keccak256(abi.encode(r.parents, r.shares)));
    }

    function test_LineageHashOfAnotherOwner() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.shares[0].account = bob;
        registry.register(r);
        assertEq(registry.lineageHash(1), keccak256(abi.encode(r.parents, r.shares)));
    }

    function test_LineageHashOfParents() public {
        _register(alice, "parent");
        IAssetRegistry.Registration memory r = _registration(bob, WORK);
        r.parents = _list(1);
        registry.register(r);
        assertEq(registry.lineageHash(2), keccak256(abi.encode(r.parents, r.shares)));
    }

    function test_RegisterAtTheLimits() public {
        for (uint256 i = 1; i <= 16; ++i) {
            _register(alice, bytes32(i));
        }
        IAssetRegistry.Registration memory r = _registration(bob, WORK);
        r.parents = new uint256[](16);
        for (uint256 i; i < 16; ++i) {
            r.parents[i] = i + 1;
        }
        r.shares = _shares(32);
        r.cid = string(new bytes(128));
        r.royaltyBps = 5000;
        assertEq(registry.register(r), 17);
    }

    /// @dev What is registered is stored as it was said, or nothing is.
    function testFuzz_Register(
        address caller,
        address to,
        uint8 kind,
        bool open,
        bytes32 contentHash,
        uint16 royaltyBps,
        uint8 length,
        uint8 parents
    ) public {
        _register(alice, "first");
        _register(alice, "second");
        IAssetRegistry.Registration memory r = _registration(to, contentHash);
        (r.kind, r.open) = (IAssetRegistry.Kind(kind % 8), open);
        (r.royaltyBps, r.cid) = (royaltyBps % 5500, string(new bytes(length % 140)));
        r.parents = new uint256[](parents % 3);
        for (uint256 i; i < r.parents.length; ++i) {
            r.parents[i] = i + 1;
        }
        bool fits = to != address(0) && contentHash != 0 && registry.assetOf(contentHash) == 0 && r.royaltyBps <= 5000
            && bytes(r.cid).length != 0 && bytes(r.cid).length <= 128;
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        registry.register(r);
        assertEq(registry.assetCount(), fits ? 3 : 2);
        if (!fits) return;
        assertEq(registry.ownerOf(3), to);
        assertEq(registry.assetOf(contentHash), 3);
        assertEq(abi.encode(registry.detailsOf(3)), abi.encode(to, 0, 0, r.royaltyBps, r.kind, open));
        assertEq(
            registry.lineageHash(3), r.parents.length == 0 ? bytes32(0) : keccak256(abi.encode(r.parents, r.shares))
        );
    }

    function test_RevertWhen_ToIsZero() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.to = address(0);
        _expect(r, abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
    }

    function test_RevertWhen_ContentHashIsZero() public {
        _expect(_registration(alice, 0), abi.encodeWithSelector(IAssetRegistry.ContentHashZero.selector));
    }

    function test_RevertWhen_ContentIsRegistered() public {
        _register(alice, "other");
        _register(alice, WORK);
        _expect(
            _registration(bob, WORK), abi.encodeWithSelector(IAssetRegistry.ContentAlreadyRegistered.selector, WORK, 2)
        );
    }

    function test_RevertWhen_CidLengthIsWrong() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.cid = "";
        _expect(r, abi.encodeWithSelector(IAssetRegistry.CidLengthInvalid.selector, 0, 128));
        r.cid = string(new bytes(129));
        _expect(r, abi.encodeWithSelector(IAssetRegistry.CidLengthInvalid.selector, 129, 128));
    }

    function test_RevertWhen_RoyaltyIsTooHigh() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.royaltyBps = 5001;
        _expect(r, abi.encodeWithSelector(IAssetRegistry.RoyaltyTooHigh.selector, 5001, 5000));
    }

    function test_RevertWhen_SharesAreWrong() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.shares = new IAssetRegistry.Share[](0);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.SharesCountInvalid.selector, 0, 32));
        r.shares = new IAssetRegistry.Share[](33);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.SharesCountInvalid.selector, 33, 32));

        r.shares = _shares(2);
        r.shares[0].account = address(0);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ShareInvalid.selector, 0));
        r.shares = _shares(2);
        r.shares[1].account = r.shares[0].account;
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ShareInvalid.selector, 1));
        r.shares = _shares(2);
        r.shares[1].bps = 0;
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ShareInvalid.selector, 1));
        r.shares = _shares(2);
        r.shares[1].bps += 1;
        _expect(r, abi.encodeWithSelector(IAssetRegistry.SharesSumInvalid.selector, 10_001));
    }

    function test_RevertWhen_ParentsAreWrong() public {
        _register(alice, "parent");
        IAssetRegistry.Registration memory r = _registration(bob, WORK);
        r.parents = new uint256[](17);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ParentsTooMany.selector, 17, 16));
        r.parents = _list(0);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ParentsNotAscending.selector, 0));
        // Its own id, which is the next: unknown yet.
        r.parents = _list(2);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 2));
        r.parents = new uint256[](2);
        r.parents[0] = 1;
        r.parents[1] = 1;
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ParentsNotAscending.selector, 1));
        r.parents = _list(1);
        r.consents = new bytes[](2);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ConsentsCountInvalid.selector, 2, 1));
    }

    function testFuzz_SharesSumToTheWhole(uint16[] memory parts) public {
        vm.assume(parts.length > 0 && parts.length <= 32);
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.shares = new IAssetRegistry.Share[](parts.length);
        uint256 sum;
        bool zero;
        for (uint256 i; i < parts.length; ++i) {
            uint16 bps = uint16(bound(parts[i], 0, 20_000 / parts.length));
            r.shares[i] = IAssetRegistry.Share({account: address(uint160(i + 1)), bps: bps});
            sum += bps;
            zero = zero || bps == 0;
        }
        if (zero || sum != 10_000) vm.expectRevert();
        registry.register(r);
    }

    // -------------------------------------------------------------------------------------------------------- consent

    function test_OwnClosedParentNeedsNoConsent() public {
        _registerClosed(alice, "parent");
        IAssetRegistry.Registration memory r = _child();
        vm.prank(alice);
        assertEq(registry.register(r), 2);
    }

    function test_Consent() public {
        _registerClosed(alice, "parent");
        IAssetRegistry.Registration memory r = _child();
        r.consents = _one(_consent(aliceKey, 1, bob, block.timestamp));
        vm.prank(bob);
        assertEq(registry.register(r), 2);
    }

    function test_ConsentOfAContract() public {
        _registerClosed(address(new Wallet(alice)), "parent");
        IAssetRegistry.Registration memory r = _child();
        r.consents = _one(_consent(aliceKey, 1, bob, block.timestamp));
        vm.prank(bob);
        assertEq(registry.register(r), 2);
    }

    function test_ConsentForOneOfTwoParents() public {
        _registerClosed(alice, "parent");
        _register(alice, "open parent");
        IAssetRegistry.Registration memory r = _child();
        r.parents = new uint256[](2);
        r.parents[0] = 1;
        r.parents[1] = 2;
        r.consents = new bytes[](2);
        r.consents[0] = _consent(aliceKey, 1, bob, block.timestamp);
        vm.prank(bob);
        assertEq(registry.register(r), 3);
    }

    function test_RevertWhen_ConsentIsMissing() public {
        _registerClosed(alice, "parent");
        IAssetRegistry.Registration memory r = _child();
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ConsentMissing.selector, 1, alice));
        r.consents = new bytes[](1);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.ConsentMissing.selector, 1, alice));
    }

    function test_RevertWhen_ConsentHasExpired() public {
        _registerClosed(alice, "parent");
        IAssetRegistry.Registration memory r = _child();
        uint256 deadline = block.timestamp - 1;
        r.consents = _one(_consent(aliceKey, 1, address(this), deadline));
        _expect(r, abi.encodeWithSelector(IAssetRegistry.SignatureExpired.selector, alice, deadline));
    }

    function test_RevertWhen_ConsentIsForAnother() public {
        _registerClosed(alice, "parent");
        bytes memory invalid = abi.encodeWithSelector(IAssetRegistry.SignatureInvalid.selector, alice);
        IAssetRegistry.Registration memory r = _child();
        r.consents = _one(_consent(aliceKey, 1, bob, block.timestamp));
        _expect(r, invalid);
        r.consents = _one(_consent(bobKey, 1, address(this), block.timestamp));
        _expect(r, invalid);
        r.consents = _one(_consent(aliceKey, 1, address(this), block.timestamp));
        r.contentHash = "another work";
        _expect(r, invalid);
    }

    function test_RevertWhen_ConsentIsOfAnEarlierEpoch() public {
        _registerClosed(alice, "parent");
        IAssetRegistry.Registration memory r = _child();
        r.consents = _one(_consent(aliceKey, 1, address(this), block.timestamp));
        vm.prank(alice);
        registry.transferFrom(alice, bob, 1);
        vm.prank(bob);
        registry.transferFrom(bob, alice, 1);
        _expect(r, abi.encodeWithSelector(IAssetRegistry.SignatureInvalid.selector, alice));
    }

    // ------------------------------------------------------------------------------------------ batch, by signature

    /// @dev In a batch or one by one: the same assets with the same ids.
    function testFuzz_RegisterBatchIsRegister(uint8 count, bytes32 seed) public {
        count = uint8(bound(count, 0, 12));
        IAssetRegistry.Registration[] memory works = new IAssetRegistry.Registration[](count);
        for (uint256 i; i < count; ++i) {
            works[i] = _registration(alice, keccak256(abi.encode(seed, i)));
            works[i].open = uint256(seed) >> i & 1 == 0;
            if (i != 0) works[i].parents = _list(i);
        }
        uint256 state = vm.snapshotState();
        vm.startPrank(alice);
        for (uint256 i; i < count; ++i) {
            registry.register(works[i]);
        }
        bytes32 apart = _digestOfState(count);
        vm.revertToState(state);
        vm.startPrank(alice);
        assertEq(registry.registerBatch(works), 1);
        assertEq(_digestOfState(count), apart);
        assertEq(registry.assetCount(), count);
    }

    function _digestOfState(uint256 count) private view returns (bytes32 digest) {
        digest = keccak256(abi.encode(registry.eventSeq(), registry.balanceOf(alice)));
        for (uint256 id = 1; id <= count; ++id) {
            digest = keccak256(abi.encode(digest, registry.detailsOf(id), registry.lineageHash(id)));
        }
    }

    function test_RevertWhen_BatchIsTooLong() public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.BatchTooLong.selector, 65, 64));
        registry.registerBatch(new IAssetRegistry.Registration[](65));
    }

    function test_RevertWhen_OneOfABatchFails() public {
        IAssetRegistry.Registration[] memory works = new IAssetRegistry.Registration[](2);
        works[0] = _registration(alice, WORK);
        works[1] = works[0];
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.ContentAlreadyRegistered.selector, WORK, 1));
        registry.registerBatch(works);
        assertEq(registry.assetCount(), 0);
    }

    /// @dev Alice signs, anyone sends; what she signed, and only once.
    function testFuzz_RegisterBySig(address sender, bytes32 contentHash, uint16 royaltyBps, uint8 shares, bool open)
        public
    {
        vm.assume(contentHash != 0);
        IAssetRegistry.Registration memory r = _registration(bob, contentHash);
        r.royaltyBps = uint16(bound(royaltyBps, 0, 5000));
        r.shares = _shares(bound(shares, 1, 32));
        r.open = open;
        _registerClosed(alice, "a parent of hers");
        if (contentHash != "a parent of hers") r.parents = _list(1);
        bytes memory signature = _signRegistration(r, block.timestamp);
        if (contentHash == "a parent of hers") return;
        vm.prank(sender);
        uint256 id = registry.registerBySig(r, alice, block.timestamp, signature);
        assertEq(registry.ownerOf(id), bob);
        assertEq(registry.assetOf(contentHash), id);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.ContentAlreadyRegistered.selector, contentHash, id));
        registry.registerBySig(r, alice, block.timestamp, signature);
    }

    function test_RevertWhen_RegistrationIsNotWhatWasSigned() public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        uint256 deadline = block.timestamp;
        bytes memory signature = _signRegistration(r, deadline);
        bytes memory invalid = abi.encodeWithSelector(IAssetRegistry.SignatureInvalid.selector, alice);
        for (uint256 i; i < 8; ++i) {
            IAssetRegistry.Registration memory changed = _registration(alice, WORK);
            if (i == 0) changed.to = bob;
            if (i == 1) changed.kind = IAssetRegistry.Kind.MUSIC;
            if (i == 2) changed.open = false;
            if (i == 3) changed.contentHash = "another";
            if (i == 4) changed.cid = "another";
            if (i == 5) changed.royaltyBps = 0;
            if (i == 6) changed.shares = _shares(2);
            if (i == 7) changed.parents = _list(1);
            vm.expectRevert(invalid);
            registry.registerBySig(changed, alice, deadline, signature);
        }
        vm.expectRevert(invalid);
        registry.registerBySig(r, alice, deadline + 1, signature);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.SignatureInvalid.selector, bob));
        registry.registerBySig(r, bob, deadline, signature);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.SignatureExpired.selector, alice, deadline));
        registry.registerBySig(r, alice, deadline, signature);
    }

    // ------------------------------------------------------------------------------------------- sale, freeze, modules

    function test_RevertWhen_TransferForSaleIsWrong() public {
        _register(alice, WORK);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.SellerNotOwner.selector, 1, bob, alice));
        registry.transferForSale(bob, alice, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetEpochPassed.selector, 1, 1, 0));
        registry.transferForSale(alice, bob, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        registry.transferForSale(alice, address(0), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 2));
        registry.transferForSale(address(0), bob, 2, 0);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, 1));
        vm.prank(stranger);
        registry.transferForSale(alice, stranger, 1, 0);
    }

    function test_TransferForSaleSaysTheRoyaltyAndEndsApprovals() public {
        _register(alice, WORK);
        vm.prank(alice);
        registry.approve(stranger, 1);
        vm.prank(stranger);
        assertEq(registry.transferForSale(alice, bob, 1, 0), ROYALTY_BPS);
        assertEq(registry.getApproved(1), address(0));
        assertEq(registry.epochOf(1), 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, 1));
        vm.prank(stranger);
        registry.transferFrom(bob, stranger, 1);
    }

    function testFuzz_TransferForSale(
        address caller,
        bool approved,
        address from,
        address to,
        uint8 epoch,
        uint8 moves,
        uint16 royaltyBps
    ) public {
        vm.assume(caller != address(0));
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.royaltyBps = royaltyBps % 5001;
        registry.register(r);
        (epoch, moves) = (epoch % 3, moves % 3);
        from = uint160(from) % 4 == 0 ? from : alice;
        vm.startPrank(alice);
        for (uint256 i; i < moves; ++i) {
            registry.transferFrom(alice, alice, 1);
        }
        if (approved) registry.approve(caller, 1);
        vm.stopPrank();
        bool fits = from == alice && epoch == moves && to != address(0) && (approved || caller == alice);
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        uint16 told = registry.transferForSale(from, to, 1, epoch);
        assertEq(registry.ownerOf(1), fits ? to : alice);
        assertEq(registry.epochOf(1), fits ? moves + 1 : moves);
        assertEq(told, fits ? r.royaltyBps : 0);
        if (fits) assertEq(registry.getApproved(1), address(0));
    }

    function testFuzz_SetFrozenUntil(uint32 until, uint32 later) public {
        _register(alice, WORK);
        address disputes = registry.disputes();
        vm.expectEmit();
        emit IAssetRegistry.FrozenUntilSet(registry.eventSeq() + 1, 1, until);
        vm.prank(disputes);
        registry.setFrozenUntil(1, until);
        assertEq(registry.detailsOf(1).frozenUntil, until);
        vm.warp(later);
        vm.startPrank(alice);
        if (later <= until) vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetFrozen.selector, 1, until));
        registry.transferForSale(alice, bob, 1, 0);
        // Its owner may give it away all the same.
        if (later <= until) registry.transferFrom(alice, bob, 1);
        assertEq(registry.ownerOf(1), bob);
    }

    function test_RevertWhen_FreezeIsWrong() public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.CallerNotDisputes.selector, admin));
        vm.prank(admin);
        registry.setFrozenUntil(1, 1);
        vm.startPrank(registry.disputes());
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 1));
        registry.setFrozenUntil(1, 1);
        vm.stopPrank();
        _register(alice, WORK);
        vm.prank(registry.disputes());
        vm.expectRevert();
        registry.setFrozenUntil(1, uint64(type(uint32).max) + 1);
    }

    function test_Link() public {
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        assertEq(registry.licences(), address(0));
        bytes memory invalid = abi.encodeWithSelector(IAssetRegistry.LinkInvalid.selector);
        vm.startPrank(admin);
        vm.expectRevert(invalid);
        registry.link(address(0), bob);
        vm.expectRevert(invalid);
        registry.link(bob, address(0));
        vm.expectEmit();
        emit IAssetRegistry.Linked(1, alice, bob);
        registry.link(alice, bob);
        assertEq(registry.licences(), alice);
        assertEq(registry.disputes(), bob);
        vm.expectRevert(invalid);
        registry.link(alice, bob);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, governor));
        vm.prank(governor);
        registry.link(alice, bob);
    }

    function testFuzz_Link(address caller, address licences, address disputes) public {
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        caller = uint160(caller) % 2 == 0 ? admin : caller;
        bool fits = caller == admin && licences != address(0) && disputes != address(0);
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        registry.link(licences, disputes);
        assertEq(registry.licences(), fits ? licences : address(0));
        assertEq(registry.disputes(), fits ? disputes : address(0));
        if (fits) vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.LinkInvalid.selector));
        vm.prank(admin);
        registry.link(alice, bob);
        assertEq(registry.licences(), fits ? licences : alice);
    }

    // ---------------------------------------------------------------------------------------------- royalty, metadata

    function test_LowerRoyalty() public {
        _register(alice, WORK);
        vm.expectEmit();
        emit IAssetRegistry.RoyaltyLowered(3, 1, 500);
        vm.prank(alice);
        registry.lowerRoyalty(1, 500);
        (address receiver, uint256 amount) = registry.royaltyInfo(1, 1 ether);
        assertEq(receiver, payouts.inboxOf(1));
        assertEq(amount, 0.05 ether);
    }

    function test_RevertWhen_RoyaltyDoesNotFall() public {
        _register(alice, WORK);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.RoyaltyNotLower.selector, 1, ROYALTY_BPS, ROYALTY_BPS));
        registry.lowerRoyalty(1, ROYALTY_BPS);
    }

    function test_RevertWhen_RoyaltyIsLoweredAfterATransfer() public {
        _register(alice, WORK);
        vm.prank(alice);
        registry.transferFrom(alice, bob, 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.RoyaltyFixed.selector, 1, 1));
        registry.lowerRoyalty(1, 0);
    }

    function testFuzz_LowerRoyalty(address caller, uint16 first, uint16 royaltyBps, bool moved) public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.royaltyBps = first % 5001;
        registry.register(r);
        caller = uint160(caller) % 4 == 0 ? caller : alice;
        if (moved) {
            vm.prank(alice);
            registry.transferFrom(alice, alice, 1);
        }
        bool fits = caller == alice && !moved && royaltyBps < r.royaltyBps;
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        registry.lowerRoyalty(1, royaltyBps);
        assertEq(registry.detailsOf(1).royaltyBps, fits ? royaltyBps : r.royaltyBps);
    }

    function test_UpdateCid() public {
        _register(alice, WORK);
        vm.expectEmit();
        emit IAssetRegistry.CidUpdated(3, 1, "new");
        vm.expectEmit();
        emit IAssetRegistry.MetadataUpdate(1);
        vm.prank(alice);
        registry.updateCid(1, "new");
    }

    function testFuzz_UpdateCid(address caller, uint8 length) public {
        _register(alice, WORK);
        caller = uint160(caller) % 4 == 0 ? caller : alice;
        bool fits = caller == alice && length != 0 && length <= 128;
        if (!fits) vm.expectRevert();
        vm.prank(caller);
        registry.updateCid(1, string(new bytes(length)));
        assertEq(registry.eventSeq(), fits ? 3 : 2);
    }

    function test_RevertWhen_CallerIsNotOwner() public {
        _register(alice, WORK);
        vm.startPrank(alice);
        registry.approve(bob, 1);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.CallerNotOwner.selector, 1, bob));
        registry.updateCid(1, "new");
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.CallerNotOwner.selector, 1, bob));
        registry.lowerRoyalty(1, 0);
    }

    function test_RevertWhen_UpdatedCidIsEmpty() public {
        _register(alice, WORK);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.CidLengthInvalid.selector, 0, 128));
        vm.prank(alice);
        registry.updateCid(1, "");
    }

    function test_SetBaseURI() public {
        _register(alice, WORK);
        assertEq(registry.tokenURI(1), "");
        assertEq(registry.contractURI(), "");
        vm.expectEmit();
        emit IAssetRegistry.BaseURISet(3, "https://example.org/");
        vm.expectEmit();
        emit IAssetRegistry.ContractURIUpdated();
        vm.expectEmit();
        emit IAssetRegistry.BatchMetadataUpdate(1, type(uint256).max);
        vm.prank(governor);
        registry.setBaseURI("https://example.org/");
        assertEq(registry.tokenURI(1), "https://example.org/1");
        assertEq(registry.contractURI(), "https://example.org/");
    }

    function test_RevertWhen_BaseURIIsSetByAStranger() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        vm.prank(stranger);
        registry.setBaseURI("x");
    }

    function testFuzz_SetBaseURI(address caller, string calldata baseURI) public {
        _register(alice, WORK);
        caller = uint160(caller) % 4 == 0 ? caller : governor;
        if (caller != governor) vm.expectRevert();
        vm.prank(caller);
        registry.setBaseURI(baseURI);
        bool empty = caller != governor || bytes(baseURI).length == 0;
        assertEq(registry.contractURI(), empty ? "" : baseURI);
        assertEq(registry.tokenURI(1), empty ? "" : string.concat(baseURI, "1"));
    }

    function testFuzz_RoyaltyInfo(uint128 price, uint16 bps) public {
        IAssetRegistry.Registration memory r = _registration(alice, WORK);
        r.royaltyBps = uint16(bound(bps, 0, 5000));
        registry.register(r);
        (, uint256 amount) = registry.royaltyInfo(1, price);
        assertEq(amount, uint256(price) * r.royaltyBps / 10_000);
    }

    // -------------------------------------------------------------------------------------------------------- ERC-721

    function test_Transfer() public {
        _register(alice, WORK);
        vm.startPrank(alice);
        registry.approve(stranger, 1);
        vm.expectEmit();
        emit IERC721.Transfer(alice, bob, 1);
        vm.expectEmit();
        emit IAssetRegistry.Transferred(1, 1);
        registry.transferFrom(alice, bob, 1);
        assertEq(registry.ownerOf(1), bob);
        assertEq(registry.balanceOf(alice), 0);
        assertEq(registry.balanceOf(bob), 1);
        assertEq(registry.epochOf(1), 1);
        assertEq(registry.getApproved(1), address(0));
    }

    function test_TransferToItselfCounts() public {
        _register(alice, WORK);
        vm.prank(alice);
        registry.safeTransferFrom(alice, alice, 1);
        assertEq(registry.balanceOf(alice), 1);
        assertEq(registry.epochOf(1), 1);
    }

    function test_RevertWhen_TransferIsNotAllowed() public {
        _register(alice, WORK);
        vm.startPrank(bob);
        vm.expectRevert();
        registry.transferFrom(alice, bob, 1);
        vm.expectRevert();
        registry.transferFrom(alice, bob, 2);
        vm.startPrank(alice);
        vm.expectRevert();
        registry.transferFrom(alice, address(0), 1);
        vm.expectRevert();
        registry.transferFrom(bob, alice, 1);
    }

    function test_RevertWhen_AssetIsUnknown() public {
        bytes memory unknown = abi.encodeWithSelector(IAssetRegistry.AssetUnknown.selector, 1);
        vm.expectRevert(unknown);
        registry.detailsOf(1);
        vm.expectRevert(unknown);
        registry.epochOf(1);
        vm.expectRevert(unknown);
        registry.detailsOf(1).royaltyBps;
        vm.expectRevert(unknown);
        registry.lineageHash(1);
        vm.expectRevert(unknown);
        registry.royaltyInbox(1);
        vm.expectRevert(unknown);
        registry.royaltyInfo(1, 1);
        vm.expectRevert(unknown);
        registry.lowerRoyalty(1, 1);
        vm.expectRevert();
        registry.ownerOf(1);
        vm.expectRevert();
        registry.tokenURI(1);
        vm.expectRevert();
        registry.balanceOf(address(0));
    }

    function test_Interfaces() public view {
        assertTrue(registry.supportsInterface(0x80ac58cd), "ERC-721");
        assertTrue(registry.supportsInterface(0x5b5e139f), "ERC-721 metadata");
        assertTrue(registry.supportsInterface(type(IERC2981).interfaceId), "ERC-2981");
        assertTrue(registry.supportsInterface(0x49064906), "ERC-4906");
        assertTrue(registry.supportsInterface(0x01ffc9a7), "ERC-165");
        assertFalse(registry.supportsInterface(0xffffffff));
    }

    // -------------------------------------------------------------------------------------------------------- helpers

    function _expect(IAssetRegistry.Registration memory r, bytes memory error_) private {
        vm.expectRevert(error_);
        registry.register(r);
    }

    function _child() private view returns (IAssetRegistry.Registration memory r) {
        r = _registration(bob, WORK);
        r.parents = _list(1);
    }

    /// @dev Alice's signature, written from EIP-712.
    function _signRegistration(IAssetRegistry.Registration memory r, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        bytes32[] memory shares = new bytes32[](r.shares.length);
        for (uint256 i; i < shares.length; ++i) {
            shares[i] = keccak256(
                abi.encode(keccak256("Share(address account,uint16 bps)"), r.shares[i].account, r.shares[i].bps)
            );
        }
        bytes32 typehash = keccak256(
            "Registration(address registrant,address to,uint8 kind,bool open,bytes32 contentHash,string cid,uint16 royaltyBps,Share[] shares,uint256[] parents,uint256 deadline)Share(address account,uint16 bps)"
        );
        bytes memory fields =
            abi.encode(typehash, alice, r.to, r.kind, r.open, r.contentHash, keccak256(bytes(r.cid)), r.royaltyBps);
        bytes memory arrays =
            abi.encode(keccak256(abi.encodePacked(shares)), keccak256(abi.encodePacked(r.parents)), deadline);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tributary Registry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, keccak256(bytes.concat(fields, arrays)));
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(aliceKey, digest);
        return abi.encodePacked(r_, s, v);
    }

    function _list(uint256 id) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = id;
    }

    function _one(bytes memory consent) private pure returns (bytes[] memory consents) {
        consents = new bytes[](1);
        consents[0] = consent;
    }

    /// @dev `count` equal shares; the last takes the remainder.
    function _shares(uint256 count) private pure returns (IAssetRegistry.Share[] memory shares) {
        shares = new IAssetRegistry.Share[](count);
        uint16 each = uint16(10_000 / count);
        for (uint256 i; i < count; ++i) {
            shares[i] = IAssetRegistry.Share({account: address(uint160(0x1000 + i)), bps: each});
        }
        shares[count - 1].bps += uint16(10_000 - each * count);
    }

    /// @dev The digest is put together by hand, from the type text, so that the test is an independent witness.
    function _consent(uint256 key, uint256 parentId, address registrant, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256(
            "Consent(uint256 parentId,uint64 parentEpoch,bytes32 childContentHash,address registrant,uint256 deadline)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Tributary Registry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        bytes32 consent =
            keccak256(abi.encode(typehash, parentId, registry.epochOf(parentId), WORK, registrant, deadline));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, MessageHashUtils.toTypedDataHash(domain, consent));
        return abi.encodePacked(deadline, r, s, v);
    }
}
