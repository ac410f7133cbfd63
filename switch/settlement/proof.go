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
//	gross − refunds + represented                  = debits − credits of the files
//	gross − refunds + represented − fees − reserve = net, the reserve being what is held less what is released
//	opening + net                                  = paid + carried forward
//	reserve before + held − released               = reserve at the end
//
// It is an error only where a sum does not fit.
func Proofs(statements []Statement, files []File) ([]Proof, error) {
	by, adder := map[string]*Proof{}, Ledger{}
	of := func(currency string) *Proof {
		p := by[currency]
		if p == nil {
			p = &Proof{Currency: currency}
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

// presented is what the clearing files bring, before fees and reserve.
func (s *Sums) presented() int64 { return s.GrossMinor - s.RefundsMinor + s.RepresentedMinor }

func (p *Proof) holds() bool {
	t := &p.Totals
	presented := t.presented()
	fees := t.FeeAcquirerMinor + t.FeeSchemeMinor
	reserve := t.ReserveHeldMinor - t.ReserveReleasedMinor
	return presented == p.FilesDebitMinor-p.FilesCreditMinor && fees == t.FeesMinor &&
		presented-fees-reserve == t.NetMinor && p.OpeningMinor+t.NetMinor == p.PaidMinor+p.CarriedForwardMinor &&
		p.ReserveOpeningMinor+reserve == p.ReserveMinor
}
