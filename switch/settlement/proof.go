package settlement

import (
	"cmp"
	"slices"
)

// A Proof holds the statements of a currency, all together, against what the files of the period say of themselves.
type Proof struct {
	Currency string `json:"currency"`
	// What the clearing files say: debits and credits of cardholders.
	FilesDebitMinor  int64 `json:"files_debit_minor"`
	FilesCreditMinor int64 `json:"files_credit_minor"`
	// What came from clearing systems, and what of it counts to nobody.
	Received Received `json:"received"`
	// What the statements add up to.
	OpeningMinor        int64 `json:"opening_minor"`
	Totals              Sums  `json:"totals"`
	PaidMinor           int64 `json:"paid_minor"`
	CarriedForwardMinor int64 `json:"carried_forward_minor"`
	ReserveOpeningMinor int64 `json:"reserve_opening_minor"`
	ReserveMinor        int64 `json:"reserve_minor"`
	// Holds is false where one of the equations of Proofs is not met: a fault of the program.
	Holds bool `json:"holds"`
}

// Proofs add statements up by currency, and hold them against the files:
//
//	gross − refunds + represented    = debits − credits of our files − what they present again and is not counted
//	                                   + what clearing systems' files represent
//	what more than one of our files counts by = 0
//	rejected, chargebacks, fees passed on = what clearing systems' files say, without exceptions
//	interchange                      = what they say, without exceptions and what is kept
//	net = gross − refunds − rejected − chargebacks + represented − fees − held + released
//	opening + net                    = paid + carried forward
//	reserve before + held − released = reserve at the end
//
// It is an error only where a sum does not fit.
func Proofs(statements []Statement, files []File, received []Received) ([]Proof, error) {
	by, adder := map[string]*Proof{}, Ledger{}
	of := func(currency string) *Proof {
		p := by[currency]
		if p == nil {
			p = &Proof{Currency: currency, Received: Received{Currency: currency}}
			by[currency] = p
		}
		return p
	}
	for i := range files {
		for _, t := range files[i].Totals {
			p := of(t.Currency)
			adder.add(&p.FilesDebitMinor, t.DebitMinor)
			adder.add(&p.FilesCreditMinor, t.CreditMinor)
		}
	}
	for _, r := range received {
		of(r.Currency).Received = r
	}
	for i := range statements {
		s := &statements[i]
		p := of(s.Currency)
		adder.add(&p.OpeningMinor, s.OpeningMinor)
		adder.add(&p.PaidMinor, s.PaidMinor)
		adder.add(&p.CarriedForwardMinor, s.CarriedForwardMinor)
		adder.add(&p.ReserveOpeningMinor, s.ReserveOpeningMinor)
		for _, t := range s.Reserve { // not their sum, which is to be proved
			adder.add(&p.ReserveMinor, t.Minor)
		}
		for j := range s.Days {
			adder.addSums(&p.Totals, &s.Days[j].Sums)
		}
	}
	proofs := make([]Proof, 0, len(by))
	for _, p := range by {
		p.Holds = p.holds()
		proofs = append(proofs, *p)
	}
	slices.SortFunc(proofs, func(a, b Proof) int { return cmp.Compare(a.Currency, b.Currency) })
	if adder.tooMuch {
		return nil, errTooMuch
	}
	return proofs, nil
}

// presented is what is presented, before chargebacks, fees and reserve.
func (s *Sums) presented() int64 { return s.GrossMinor - s.RefundsMinor + s.RepresentedMinor }

func (p *Proof) holds() bool {
	t, all, excepted := &p.Totals, &p.Received.Files, &p.Received.Excepted
	fees := t.FeeAcquirerMinor + t.FeeSchemeMinor + t.FeeInterchangeMinor + t.FeeChargebackMinor + t.FeePassedMinor
	reserve := t.ReserveHeldMinor - t.ReserveReleasedMinor
	for _, equal := range [][2]int64{
		{t.presented(), p.FilesDebitMinor - p.FilesCreditMinor - p.Received.PresentedAgainMinor +
			all.RepresentedMinor - excepted.RepresentedMinor},
		{p.Received.CountedTwiceMinor, 0},
		{t.RejectedMinor, all.RejectedMinor - excepted.RejectedMinor},
		{t.ChargebacksMinor, all.ChargebacksMinor - excepted.ChargebacksMinor},
		{t.FeePassedMinor, all.PassedMinor - excepted.PassedMinor},
		{t.FeeInterchangeMinor, all.InterchangeMinor - excepted.InterchangeMinor - p.Received.KeptInterchangeMinor},
		{t.FeesMinor, fees},
		{t.NetMinor, t.presented() - t.RejectedMinor - t.ChargebacksMinor - fees - reserve},
		{p.OpeningMinor + t.NetMinor, p.PaidMinor + p.CarriedForwardMinor},
		{p.ReserveOpeningMinor + reserve, p.ReserveMinor},
	} {
		if equal[0] != equal[1] {
			return false
		}
	}
	return true
}
