package cutover

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// DE24 of a presentment: the first, and a second one of all that was charged back or of a part of it.
const (
	firstPresentment = "200"
	secondWhole      = "205"
	secondPart       = "282"
)

// maker makes the records of a date from payments and snapshots.
type maker struct {
	keyring  *pan.Keyring
	plan     *plan
	location *time.Location

	made clearing.Presentment // the last one
}

// record makes the record of operation i, in the place of the one before. fault says why there can be none, which is
// this record's own affair; err is what nothing can be made without.
func (m *maker) record(pay *payment.Payment, i int, s *presentment.Snapshot) (
	_ *clearing.Presentment, fault, err error,
) {
	number, expiry, err := m.keyring.Open(pay.SealKey, pay.ID, pay.SealedCard)
	switch {
	case errors.Is(err, pan.ErrSealed):
		return nil, err, nil
	case err != nil:
		return nil, nil, err
	}
	acquirer := pay.Acquirer
	if acquirer == "" {
		acquirer = m.plan.AcquirerID
	}
	op := &pay.Ops[i]
	cleared := &pay.Ops[presentedBy(pay, i)]
	r := &m.made
	*r = clearing.Presentment{
		PAN: number, Expiry: expiry, Currency: pay.Currency, FunctionCode: firstPresentment, MessageReason: s.Reason,
		MCC:          s.MCC,
		CardSequence: cardSequence(pay.Sequence), ARN: op.ARN, AcquirerID: acquirer, ForwarderID: m.plan.ProcessorID,
		RRN: op.RRN, Terminal: pay.Terminal, Merchant: pay.Merchant, POSDataCode: posDataCode(api.Entry(pay.Entry)),
		Acceptor: acceptor(s), PaymentID: pay.ID.String(), CaptureID: captureID(pay, i),
		Reference: pay.Reference, Key: op.Key, Sequence: s.Sequence, Count: s.Count, AcceptedAt: op.At, MerchantName: s.Name,
		FeePlan: s.FeePlan, AuthCode: s.AuthCode, NetworkID: s.NetworkID, PastWindow: op.PastWindow,
	}
	if m.plan.Format >= maskedFormat { // what was accepted before such references and keys were refused
		r.Reference, r.Key = pan.Hide(r.Reference), pan.Hide(r.Key)
	}
	if s.Format == 0 {
		r.AuthCode, r.NetworkID = presentment.AnsweredBefore(pay, i)
	}
	if mutant.On(mutant.NetworkIDWhenWritten) {
		_, r.NetworkID = presentment.Answered(pay, i)
	}
	if op.Kind == payment.KindVoidPresentment {
		r.ReversalOf = cleared.Filed().Time()
		r.CaptureID = captureID(pay, op.Target)
	}
	if op.Kind == payment.KindResubmit {
		r.CaptureID = captureID(pay, op.Target)
	}
	r.AmountMinor = moved(pay, i)
	if op.Kind == payment.KindRepresent {
		r.IssuerReference = pay.Ops[op.Target].IssuerReference
		r.CaptureID = captureID(pay, presentedBy(pay, i))
		r.FunctionCode, r.OriginalMinor = secondPart, cleared.Clears()
		if pay.WholeDispute(i) {
			r.FunctionCode = secondWhole
		}
	}
	r.Credit = cleared.Kind.Credits()
	r.LocalTime = cleared.At.In(m.location)
	if mutant.On(mutant.WrongFieldInFile) {
		r.LocalTime = cleared.DoneAt.In(m.location)
	}
	if api.Entry(pay.Entry) == api.EntryEcommerce {
		r.TerminalType, r.ECommerceLevel = "CT6", "21"+eciDigit(pay.ECI)
	}
	if pay.EMV != "" && !r.Credit {
		if r.ChipData, err = hex.DecodeString(pay.EMV); err != nil {
			return nil, fmt.Errorf("stored chip data: %w", err), nil
		}
	}
	return r, nil, nil
}

// presentedBy is the operation whose record that of operation i is, or repeats: itself, or what it takes back or
// presents again.
func presentedBy(pay *payment.Payment, i int) int {
	op := &pay.Ops[i]
	switch op.Kind {
	case payment.KindVoidPresentment, payment.KindResubmit:
		return op.Target
	case payment.KindRepresent:
		return pay.Ops[op.Target].Target
	default:
		return i
	}
}

// moved is the amount of the record of operation i: what takes a record back, or presents it again, is of that one's.
func moved(pay *payment.Payment, i int) int64 {
	op := &pay.Ops[i]
	if op.Kind == payment.KindVoidPresentment || op.Kind == payment.KindResubmit {
		op = &pay.Ops[op.Target]
	}
	return op.Clears()
}

func captureID(pay *payment.Payment, i int) string {
	var room [32]byte
	return string(strconv.AppendInt(append(pay.ID.AppendTo(room[:0]), '-'), int64(i), 10))
}

func acceptor(s *presentment.Snapshot) clearing.Acceptor {
	return clearing.Acceptor{
		Name: s.Name, Street: s.Street, City: s.City, PostalCode: s.PostalCode, State: s.State, CountryAlpha3: s.Country,
	}.Fit()
}

// CheckMerchant builds a record of a merchant, so that what cannot be cleared is refused with the profile and not
// found out when the day is closed.
func CheckMerchant(profile *merchant.Profile) error {
	s := presentment.Snapshot{MCC: profile.MCC}
	s.SetMerchant(profile)
	if err := CheckSnapshot(&s, profile.ID); err != nil {
		return fmt.Errorf("merchant %s: no clearing record can be built: %w", profile.ID, err)
	}
	return nil
}

// CheckSnapshot builds a record of a merchant with what a snapshot says, and tells what is wrong with it.
func CheckSnapshot(s *presentment.Snapshot, merchantID string) error {
	at := time.Date(2026, 11, 21, 14, 22, 33, 0, time.UTC)
	arn, err := clearing.ARN("400001", at, 1)
	if err != nil {
		return err
	}
	r := clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 1, Currency: "EUR", LocalTime: at, POSDataCode: posDataCode(api.EntryEcommerce),
		FunctionCode: firstPresentment, MCC: s.MCC, ARN: arn, ForwarderID: "400001", Merchant: merchantID,
		Acceptor: acceptor(s),
	}
	return r.Validate()
}

func cardSequence(s string) string {
	if s == "" {
		return ""
	}
	return "000"[:3-min(3, len(s))] + s
}

// eciDigit is the level of security of an e-commerce payment, the last digit of its indicator.
func eciDigit(eci string) string {
	if last := eci[max(0, len(eci)-1):]; last >= "0" && last <= "9" {
		return last
	}
	return "0"
}

// posDataCode is DE22 of a record: how the card's data was read stands in its seventh place, whether the cardholder and
// the card were there in its fifth and sixth.
func posDataCode(e api.Entry) string {
	switch e {
	case api.EntryMOTO:
		return "000020100000"
	case api.EntryStored:
		return "000040700000"
	case api.EntryManual:
		return "000001100000"
	case api.EntryChip:
		return "500001500001"
	case api.EntryContactless:
		return "500001M00001"
	case api.EntryMagstripe:
		return "200001200001"
	case api.EntryEcommerce:
	}
	return "000050S00000"
}
