// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {ICouncilArbiter} from "../src/interfaces/ICouncilArbiter.sol";
import {IDisputes} from "../src/interfaces/IDisputes.sol";
import {ILicences} from "../src/interfaces/ILicences.sol";
import {IStaking} from "../src/interfaces/IStaking.sol";
import {BaseTest} from "./Base.t.sol";
import {TestToken} from "./mocks/TestToken.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @notice Licences with the standard that they follow.
interface ILicenceNft is ILicences, IERC721 {}

/// @notice All seven contracts as `tributary deploy` makes them, with every role set.
abstract contract SystemTest is BaseTest {
    uint64 internal constant ARBITER = 4;
    uint96 internal constant BOND = 1 ether;

    address internal member = makeAddr("member");
    ILicenceNft internal licenceNft;
    IStaking internal staking;
    IDisputes internal dispute;
    ICouncilArbiter internal council;
    IAnchor internal ledger;
    TestToken internal stakeToken;

    function _link() internal override {
        licenceNft = ILicenceNft(deployCode("Licences.sol:Licences", abi.encode(registry, payouts)));
        stakeToken = new TestToken();
        staking = IStaking(deployCode("Staking.sol:Staking", abi.encode(stakeToken, registry)));
        dispute =
            IDisputes(deployCode("Disputes.sol:Disputes", abi.encode(manager, registry, BOND, 0.1 ether, 10 ether)));
        council =
            ICouncilArbiter(deployCode("CouncilArbiter.sol:CouncilArbiter", abi.encode(manager, dispute, uint256(1))));
        ledger = IAnchor(deployCode("Anchor.sol:Anchor", abi.encode(manager)));
        vm.startPrank(admin);
        registry.link(address(licenceNft), address(dispute));
        dispute.setArbiter(address(council));
        manager.setTargetFunctionRole(address(dispute), _one(IDisputes.setBond.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(dispute), _one(IDisputes.setArbiter.selector), GOVERNOR);
        manager.setTargetFunctionRole(address(council), _one(ICouncilArbiter.vote.selector), ARBITER);
        manager.grantRole(ARBITER, member, 0);
        vm.stopPrank();
    }

    function _terms(uint128 price, address currency, uint8 flags, uint32 maxUses, uint64 duration)
        internal
        pure
        returns (ILicences.Terms memory)
    {
        return ILicences.Terms({
            textHash: "text",
            cid: CID,
            currency: currency,
            price: price,
            duration: duration,
            revenueShareBps: 1000,
            maxUses: maxUses,
            flags: flags
        });
    }
}
