package presentment

import (
	"strings"
	"time"

	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// DE25 of the presentments of an authorization with several captures.
const (
	ReasonMoreToCome = "1403"
	ReasonLast       = "1404"
)

// Snapshot is what a presentment's record takes from the config, and from the payment where that may still change:
// fixed when the capture is accepted, and what depends on the payment's other captures once more when its date is
// sealed. So a rebuilt file has the same bytes whatever the config and the payment say by then (I8). The names in JSON
// stand on disks (encoding.go).
type Snapshot struct {
	Name       string `json:"n,omitempty"`
	Street     string `json:"s,omitempty"`
	City       string `json:"c,omitempty"`
	PostalCode string `json:"p,omitempty"`
	State      string `json:"t,omitempty"`
	Country    string `json:"y,omitempty"` // alpha-3
	MCC        string `json:"m,omitempty"`
	FeePlan    string `json:"f,omitempty"`
	Reason     string `json:"r,omitempty"` // DE25
	Sequence   int    `json:"q"`
	Count      int    `json:"k"` // more than Sequence while more captures may come

	// Format is 1 where the two below are the record's. In snapshots of before it is 0: then they are read from the
	// payment.
	Format    int    `json:"v,omitempty"`
	AuthCode  string `json:"a,omitempty"` // DE38
	NetworkID string `json:"w,omitempty"` // DE63, DE105 where it is longer than that

	// Window is Op.Window of its operation, so that a reader of presentments need not read payments to know which file
	// one stands in.
	Window int `json:"-"`
}

// SnapshotOf is the snapshot of operation i, a capture, sale or refund, at a moment.
func SnapshotOf(p *payment.Payment, i int, now time.Time, profile *merchant.Profile) Snapshot {
	s := Snapshot{MCC: p.MCC}
	s.SetMerchant(profile)
	s.SetPlace(p, i, now)
	s.SetAnswers(p, i)
	return s
}

// SetMerchant takes what a record says of its merchant.
func (s *Snapshot) SetMerchant(profile *merchant.Profile) {
	s.Name, s.Street, s.City = profile.Name, profile.Street, profile.City
	s.PostalCode, s.State, s.Country = profile.PostalCode, profile.State, profile.Country
	s.FeePlan = profile.FeePlan
}

// SetPlace says which record of its authorization this is, by what is known at a moment.
func (s *Snapshot) SetPlace(p *payment.Payment, i int, now time.Time) {
	s.Sequence, s.Count = p.Place(i, now)
	s.Reason = ""
	switch {
	case p.Ops[i].Kind != payment.KindCapture:
	case s.Count > s.Sequence:
		s.Reason = ReasonMoreToCome
	case s.Sequence > 1:
		s.Reason = ReasonLast
	}
}

// SetAnswers takes what the issuer has answered by now. That of an advice, such as a stand-in's, may come at any time.
func (s *Snapshot) SetAnswers(p *payment.Payment, i int) {
	s.Format = 1
	s.AuthCode, s.NetworkID = Answered(p, i)
}

// Answered is DE38 and the network's id in a record of operation i as the payment has them, left out where a record
// cannot hold them.
func Answered(p *payment.Payment, i int) (code, network string) {
	return answered(p, i, mostNetworkID)
}

// AnsweredBefore is what Answered was for snapshots of format 0, whose records had DE63 only.
func AnsweredBefore(p *payment.Payment, i int) (code, network string) {
	const most = 15 // DE63, behind its first place
	return answered(p, i, most)
}

func answered(p *payment.Payment, i, most int) (code, network string) {
	op, root := &p.Ops[i], &p.Ops[0]
	code = authCode(op.AuthCode)
	if code == "" && !op.Kind.Credits() {
		code = authCode(root.AuthCode)
	}
	return code, networkID(root.NetworkID, most)
}

// mostNetworkID is the longest id of a network that a record takes.
const mostNetworkID = 64

// authCode and networkID are what the issuer answered (DE38, DE48 tag 03), left out where a record cannot hold it: what
// somebody else sent must not keep the day from closing.
func authCode(s string) string {
	for i := range len(s) {
		if c := s[i]; c != ' ' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return s
}

func networkID(s string, most int) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || strings.IndexByte("![]^|", s[i]) >= 0 { // code pages disagree on these
			return ""
		}
	}
	if len(s) > most {
		return ""
	}
	return s
}
