// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IMarket} from "../src/interfaces/IMarket.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {TestToken} from "./mocks/TestToken.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The registry with the standards that it follows.
interface IRegistry is IAssetRegistry, IERC721Metadata, IERC2981 {}

/// @notice The system as it is deployed, the actors, and what every test needs to say in one line.
/// @dev The contracts are deployed by name, not imported: see foundry.toml.
abstract contract BaseTest is Test {
    uint64 internal constant GOVERNOR = 1;
    uint64 internal constant ENGINE = 2;
    uint64 internal constant GUARDIAN = 3;

    uint16 internal constant FEE_BPS = 200;
    uint16 internal constant ROYALTY_BPS = 1000;
    uint64 internal constant DELAY = 1 hours;
    uint64 internal constant GRACE = 1 days;
    string internal constant CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    address internal admin = makeAddr("admin");
    address internal governor = makeAddr("governor");
    address internal engine = makeAddr("engine");
    address internal guardian = makeAddr("guardian");
    address internal treasury = makeAddr("treasury");
    address internal stranger = makeAddr("stranger");
    address internal alice;
    uint256 internal aliceKey;
    address internal bob;
    uint256 internal bobKey;

    AccessManager internal manager;
    IPayouts internal payouts;
    IRegistry internal registry;
    IMarket internal market;
    TestToken internal token;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        (alice, aliceKey) = makeAddrAndKey("alice");
        (bob, bobKey) = makeAddrAndKey("bob");
        manager = new AccessManager(admin);
        payouts = IPayouts(deployCode("Payouts.sol:Payouts", abi.encode(manager, DELAY, GRACE)));
        registry = IRegistry(deployCode("AssetRegistry.sol:AssetRegistry", abi.encode(manager, payouts)));
        market = IMarket(deployCode("Market.sol:Market", abi.encode(manager, registry, payouts, FEE_BPS, treasury)));
        token = new TestToken();
        _setRoles();
        _link();

        vm.deal(alice, 1000 ether);
        vm.deal(bob, 1000 ether);
        vm.deal(treasury, 1 ether);
        _approveAll(alice);
        _approveAll(bob);
    }

    /// @dev Licences and an account that stands for Disputes; see SystemTest for all contracts.
    function _link() internal virtual {
        address licences = deployCode("Licences.sol:Licences", abi.encode(registry, payouts));
        vm.prank(admin);
        registry.link(licences, makeAddr("disputes"));
    }

    // ---------------------------------------------------------------------------------------------------------- roles

    function _setRoles() private {
        vm.startPrank(admin);
        manager.setTargetFunctionRole(address(market), _one(IMarket.setFee.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(payouts), _one(IPayouts.setDelay.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(registry), _one(IAssetRegistry.setBaseURI.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(payouts), _one(IPayouts.propose.selector), ENGINE);
        manager.setTargetFunctionRole(address(payouts), _one(IPayouts.veto.selector), GUARDIAN);
        manager.grantRole(GOVERNOR, governor, 0);
        manager.grantRole(ENGINE, engine, 0);
        manager.grantRole(GUARDIAN, guardian, 0);
        vm.stopPrank();
    }

    function _one(bytes4 selector) internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = selector;
    }

    function _approveAll(address account) internal {
        vm.startPrank(account);
        registry.setApprovalForAll(address(market), true);
        token.approve(address(market), type(uint256).max);
        token.approve(address(payouts), type(uint256).max);
        vm.stopPrank();
        token.mint(account, 1e18);
    }

    // --------------------------------------------------------------------------------------------------------- assets

    function _registration(address to, bytes32 contentHash)
        internal
        pure
        returns (IAssetRegistry.Registration memory r)
    {
        r.to = to;
        r.kind = IAssetRegistry.Kind.CODE;
        r.open = true;
        r.contentHash = contentHash;
        r.cid = CID;
        r.royaltyBps = ROYALTY_BPS;
        r.shares = new IAssetRegistry.Share[](1);
        r.shares[0] = IAssetRegistry.Share({account: to, bps: 10_000});
    }

    function _register(address to, bytes32 contentHash) internal returns (uint256) {
        IAssetRegistry.Registration memory registration = _registration(to, contentHash);
        vm.prank(to);
        return registry.register(registration);
    }

    /// @dev A closed asset: deriving from it needs consent.
    function _registerClosed(address to, bytes32 contentHash) internal returns (uint256) {
        IAssetRegistry.Registration memory registration = _registration(to, contentHash);
        registration.open = false;
        vm.prank(to);
        return registry.register(registration);
    }

    // --------------------------------------------------------------------------------------------------------- orders

    function _sell(address maker, uint256 assetId, uint256 price, address currency)
        internal
        view
        returns (IMarket.Order memory order)
    {
        order.maker = maker;
        order.side = IMarket.Side.SELL;
        order.assetId = assetId;
        order.assetEpoch = registry.epochOf(assetId);
        order.currency = currency;
        order.startPrice = price;
        order.endPrice = price;
        order.startTime = uint64(block.timestamp);
        order.endTime = uint64(block.timestamp + 1 days);
        order.makerEpoch = market.makerEpochOf(maker);
        order.maxFeeBps = FEE_BPS;
    }

    function _bid(address maker, uint256 assetId, uint256 price) internal view returns (IMarket.Order memory order) {
        order = _sell(maker, assetId, price, address(token));
        order.side = IMarket.Side.BID;
    }

    function _sign(uint256 key, IMarket.Order memory order) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, market.hashOf(order));
        return abi.encodePacked(r, s, v);
    }

    // --------------------------------------------------------------------------------------------------------- claims

    struct Due {
        address account;
        address token;
        uint256 cumulative;
    }

    function _due(address account, address currency, uint256 cumulative) internal pure returns (Due memory) {
        return Due({account: account, token: currency, cumulative: cumulative});
    }

    function _leaves(Due[] memory dues) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](dues.length);
        for (uint256 i; i < dues.length; ++i) {
            leaves[i] = _leaf(dues[i]);
        }
    }

    function _leaf(Due memory due) internal view returns (bytes32) {
        return keccak256(
            bytes.concat(keccak256(abi.encode(block.chainid, address(payouts), due.account, due.token, due.cumulative)))
        );
    }

    /// @dev The root of the tree over `level` and the proof of its element `index`: sorted pairs, an odd node moves up.
    function _tree(bytes32[] memory level, uint256 index) internal pure returns (bytes32 root, bytes32[] memory proof) {
        bytes32[] memory path = new bytes32[](256);
        uint256 length;
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) path[length++] = level[sibling];
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i; i < above.length; ++i) {
                bool odd = 2 * i + 1 == level.length;
                above[i] = odd ? level[2 * i] : _pair(level[2 * i], level[2 * i + 1]);
            }
            level = above;
            index /= 2;
        }
        root = level[0];
        proof = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            proof[i] = path[i];
        }
    }

    function _pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function _total(address currency, uint256 amount) internal pure returns (IPayouts.Total[] memory totals) {
        totals = new IPayouts.Total[](1);
        totals[0] = IPayouts.Total({token: currency, amount: amount});
    }

    function _propose(bytes32 root, IPayouts.Total[] memory totals) internal returns (uint64) {
        vm.prank(engine);
        return payouts.propose(root, CID, 0, totals);
    }

    function _activate(bytes32 root, IPayouts.Total[] memory totals) internal {
        _propose(root, totals);
        skip(payouts.delay());
        payouts.activate();
    }

    function _fundNative(uint256 assetId, uint256 amount) internal {
        vm.deal(address(this), amount);
        payouts.fund{value: amount}(assetId, address(0), amount, "test");
    }
}
