package folder

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// A subject is an acquirer reference that incoming records tell of: what was presented under it, and what came of it.
type subject struct {
	found            bool
	merchant         settlement.Key
	feePlan          string
	refund           bool
	records          map[clearing.RecordKey]*ourRecord
	presentedMinor   int64            // less what was taken back
	chargedBackMinor int64            // less what was presented again
	takenMinor       [3]int64         // charged back of ofFirst, ofEither and ofSecond
	secondsMinor     int64            // presented again
	looseMinor       int64            // of that, without a reference of the issuer's
	came             map[cameAs]bool  // records of clearing systems
	held             []*held          // of ours, that do not count
	before           bool             // the first presentment may be of a date before all files
	parts            map[string]*part // of what is charged back: by the issuer's reference (DE95), where there is one
}

// cameAs is what a record of a clearing system is known by: also by its amount where it charges a part back that no
// reference of the issuer's tells from others.
type cameAs struct {
	clearing.RecordKey
	partMinor int64
}

func (i *incomingRecord) cameAs() cameAs {
	as := cameAs{RecordKey: i.key}
	if i.key.MTI == "1442" && i.key.IssuerReference == "" &&
		(i.key.FunctionCode == "453" || i.key.FunctionCode == "454") {
		as.partMinor = i.amountMinor
	}
	return as
}

// An ourRecord is a record of ours.
type ourRecord struct {
	settlement.Presented
	standing []string // ids of the files that present it: one that was rejected may be presented again
	rejected bool     // once, at least
	answers  *part    // of a second presentment: what it presents again, where that is known
}

// stands tells whether it was presented and not rejected.
func (r *ourRecord) stands() bool { return r != nil && len(r.standing) > 0 }

// A matcher finds whose money an incoming record moves: by the acquirer reference, that of the presentment. What does
// not fit in every respect is an exception, and counts to nobody.
type matcher struct {
	plan     *settlement.Plan
	subjects map[string]*subject             // by acquirer reference
	refused  map[string][]clearing.RecordKey // by the id of a file of ours that was refused as a whole: what it has
	held     []*held                         // in the order in which they were presented
	received map[string]*settlement.Received
}

// newMatcher asks for what incoming files tell of, and for other acquirer references.
func newMatcher(plan *settlement.Plan, files []*incomingFile, known map[string]bool) *matcher {
	m := &matcher{
		plan: plan, subjects: map[string]*subject{}, refused: map[string][]clearing.RecordKey{},
		received: map[string]*settlement.Received{},
	}
	for _, f := range files {
		for i := range f.records {
			if r := &f.records[i]; r.refused != "" {
				m.refused[r.refused] = []clearing.RecordKey{}
			} else if r.key.ARN != "" {
				m.subject(r.key.ARN)
			}
		}
	}
	for arn := range known {
		m.subject(arn)
	}
	return m
}

// asks tells whether it has to be known what was presented.
func (m *matcher) asks() bool { return len(m.subjects)+len(m.refused) > 0 }

// subject finds or makes that of an acquirer reference.
func (m *matcher) subject(arn string) *subject {
	s := m.subjects[arn]
	if s == nil {
		s = &subject{
			records: map[clearing.RecordKey]*ourRecord{}, came: map[cameAs]bool{}, parts: map[string]*part{},
		}
		m.subjects[arn] = s
	}
	return s
}

// presented notes a record of ours, if something tells of it or of its file. One that may not count yet is not noted:
// waits says so.
func (m *matcher) presented(p *settlement.Presented, r *clearing.Record, fileID string) (waits bool, err error) {
	keys, refused := m.refused[fileID]
	s := m.subjects[string(r.Get(31))]
	if s == nil && !refused {
		return false, nil
	}
	if s == nil {
		if len(m.subjects) > maxIncomingRecords {
			return false, fmt.Errorf("with it more than %d records have to be known, since files were refused as a whole",
				maxIncomingRecords)
		}
		s = m.subject(r.Text(31))
	}
	key := r.Key()
	ours := s.records[key]
	if ours == nil {
		ours = &ourRecord{}
		s.records[key] = ours
	}
	if refused {
		m.refused[fileID] = append(keys, key)
	}
	if !s.takes(ours, p, key.IssuerReference) {
		return true, nil
	}
	s.present(ours, p, key.IssuerReference, fileID)
	return false, nil
}

// present notes that a record is presented by a file, with a reference of the issuer's where it is a second one.
func (s *subject) present(ours *ourRecord, p *settlement.Presented, issuerReference, fileID string) {
	s.found, s.feePlan = true, p.FeePlan
	s.merchant = settlement.Key{Merchant: p.Merchant, Currency: p.Currency}
	ours.Presented = *p
	ours.standing = append(ours.standing, fileID)
	if p.Second {
		ours.answers, _ = s.answered(issuerReference, signedMinor(p)) // of what is in doubt is told when its date is known
	}
	s.note(ours, issuerReference, 1)
}

// signedMinor is the amount of a record of ours, negative where it takes another back.
func signedMinor(p *settlement.Presented) int64 {
	if p.Reversal {
		return -p.AmountMinor
	}
	return p.AmountMinor
}

// note adds a record to what is presented under the reference, or with -1 takes it away.
func (s *subject) note(ours *ourRecord, issuerReference string, sign int64) {
	amount := sign * signedMinor(&ours.Presented)
	switch {
	case ours.Second:
		s.presentAgain(ours.answers, issuerReference, amount)
	case ours.Refund:
		s.refund = true
	default:
		s.presentedMinor += amount
	}
}

// presentAgain notes a second presentment of a part, which may be nil.
func (s *subject) presentAgain(of *part, issuerReference string, minor int64) {
	s.chargedBackMinor -= minor
	s.secondsMinor += minor
	if issuerReference == "" {
		s.looseMinor += minor
	}
	if of != nil {
		of.backMinor -= minor
	}
}

// An unfit says why an incoming record is an exception.
type unfit struct {
	kind    settlement.ExceptionKind
	message string
}

func unfitf(kind settlement.ExceptionKind, format string, args ...any) *unfit {
	return &unfit{kind, fmt.Sprintf(format, args...)}
}

// A claim is what an incoming record says that it moves.
type claim struct {
	*incomingRecord
	what             settlement.ItemKind
	known            bool  // what
	effectMinor      int64 // on the net of whoever's money it is, but for interchange
	interchangeMinor int64 // charged
	errInterchange   error // why that cannot be read
	subject          *subject
	oursMinor        int64 // of the record that it is a copy of
	isOurs           bool  // there is one
}

func (m *matcher) claim(i *incomingRecord) *claim {
	c := &claim{incomingRecord: i, subject: m.subjects[i.key.ARN]}
	c.what, c.known = kinds[i.key.MTI+"/"+i.key.FunctionCode]
	c.effectMinor = i.effect(c.what)
	c.interchangeMinor, c.errInterchange = interchangeOf(i, m.plan)
	if c.subject != nil {
		if ours := c.subject.records[i.key]; ours.stands() {
			c.oursMinor, c.isOurs = ours.AmountMinor, true
		}
	}
	return c
}

// moved is what is claimed, rightly or not.
func (c *claim) moved() settlement.Moved {
	moved := settlement.Moved{InterchangeMinor: c.interchangeMinor}
	switch {
	case c.isOurs:
	case c.what == settlement.Chargeback:
		moved.ChargebacksMinor = -c.effectMinor
	case c.what == settlement.Represented:
		moved.RepresentedMinor = c.effectMinor
	case c.what == settlement.SchemeFee:
		moved.PassedMinor = -c.effectMinor
	}
	return moved
}

// receive finds whose money a record moves. The receipt is nil where it is an exception, and why is nil where it is
// none; moved is what it says in both.
func (m *matcher) receive(
	f *incomingFile, i *incomingRecord,
) (r *settlement.Receipt, moved settlement.Moved, why *unfit) {
	switch {
	case i.rejects != "":
		return nil, moved, unfitf(settlement.RejectedRecord,
			"message %s was rejected, and does not stand behind this: it is counted", i.rejects)
	case i.rejected:
		return m.reject(f, i)
	}
	c := m.claim(i)
	why = c.unclear()
	if why == nil {
		why = c.unmatched()
	}
	if why == nil {
		why = c.excessive()
	}
	if why != nil {
		return nil, c.moved(), why
	}
	c.subject.came[i.cameAs()] = true
	r = &settlement.Receipt{
		Key: c.subject.merchant, FeePlan: c.subject.feePlan, InterchangeMinor: c.interchangeMinor,
		Item: settlement.Item{
			Kind: c.what, AmountMinor: c.effectMinor, ARN: i.key.ARN, Reason: i.reason, File: f.id, Record: i.number,
			IssuerReference: settlement.Printable(i.key.IssuerReference),
		},
	}
	if c.isOurs {
		r.Kind, r.AmountMinor = settlement.Returned, 0 // it is counted by our file: its copy brings interchange alone
	}
	return r, c.moved(), nil
}

// reject finds the record of ours that was not taken.
func (m *matcher) reject(
	f *incomingFile, i *incomingRecord,
) (r *settlement.Receipt, moved settlement.Moved, why *unfit) {
	moved.RejectedMinor = i.amountMinor
	if !i.debits {
		moved.RejectedMinor = -i.amountMinor
	}
	s := m.subjects[i.key.ARN]
	var ours *ourRecord
	if s != nil {
		ours = s.records[i.key]
	}
	at := -1
	if ours != nil {
		at = slices.Index(ours.standing, i.source)
	}
	if at < 0 || ours.AmountMinor != i.amountMinor || money.Current(ours.Currency) != i.currency {
		return nil, moved, unfitf(settlement.RejectedRecord, "%s of file %s was rejected, and no such record of it stands",
			i.kind, i.source)
	}
	return s.reject(ours, at, moved.RejectedMinor, i.key, f, i), moved, nil
}

// reject takes a record of ours away that stands in a file: i tells of it, or of the whole file.
func (s *subject) reject(
	ours *ourRecord, at int, debitsMinor int64, key clearing.RecordKey, f *incomingFile, i *incomingRecord,
) *settlement.Receipt {
	ours.standing, ours.rejected = slices.Delete(ours.standing, at, at+1), true
	s.note(ours, key.IssuerReference, -1)
	presented := ours.Presented
	return &settlement.Receipt{
		Key: s.merchant, FeePlan: presented.FeePlan, Presented: &presented,
		Item: settlement.Item{
			Kind: settlement.Rejected, AmountMinor: -debitsMinor, ARN: key.ARN, File: f.id, Record: i.number,
		},
	}
}

// refuse takes back what stands of a file of ours that was refused as a whole.
func (m *matcher) refuse(f *incomingFile, i *incomingRecord) (receipts []*settlement.Receipt, why *unfit) {
	if i.doubted != "" {
		return nil, unfitf(settlement.RejectedFile, "file %s was refused as a whole%s: what it presents stays counted",
			i.refused, i.doubted)
	}
	dropped := false
	for _, key := range m.refused[i.refused] {
		s := m.subjects[key.ARN]
		ours := s.records[key]
		if at := slices.Index(ours.standing, i.refused); at >= 0 {
			receipts = append(receipts, s.reject(ours, at, debitsMinor(&ours.Presented), key, f, i))
		} else if m.drop(i.refused, key) {
			dropped = true
		}
	}
	if len(receipts) == 0 && !dropped {
		return nil, unfitf(settlement.RejectedFile, "file %s was refused as a whole, and nothing of it stands", i.refused)
	}
	return receipts, nil
}

// unclear is why nobody knows what a record moves, whosever it is.
func (c *claim) unclear() *unfit {
	switch {
	case !c.known:
		return unfitf(settlement.NotCounted, "%s is not counted", c.kind)
	case c.fault != "":
		return unfitf(settlement.NotCounted, "%s: %s", c.kind, c.fault)
	case c.amountMinor == 0:
		return unfitf(settlement.NotCounted, "%s: DE4: it is missing, or zero", c.kind)
	case c.effectMinor == 0:
		return unfitf(settlement.NotCounted, "%s: DE3 is %s: expected 19… collected, or 29… paid", c.kind,
			settlement.Printable(c.processing))
	case c.errInterchange != nil:
		return unfitf(settlement.NotCounted, "%s: %v", c.kind, c.errInterchange)
	}
	return nil
}

// unmatched is why a record fits nothing that was presented.
func (c *claim) unmatched() *unfit {
	s := c.subject
	switch {
	case s == nil:
		return unfitf(settlement.Unmatched, "%s: DE31: it names no presentment", c.kind)
	case !s.found:
		return unfitf(settlement.Unmatched, "%s: DE31: nothing was presented under this reference", c.kind)
	case s.came[c.cameAs()] && c.what != settlement.SchemeFee: // a payment may cost several fees
		return unfitf(settlement.Twice, "%s came before", c.kind)
	case money.Current(s.merchant.Currency) != c.currency:
		return unfitf(settlement.OtherAmount, "%s: DE49: %s: it was presented in %s", c.kind, c.currency, s.merchant.Currency)
	case c.isOurs && c.oursMinor != c.amountMinor:
		return unfitf(settlement.OtherAmount, "%s: DE4: %d: it was presented with %d", c.kind, c.amountMinor, c.oursMinor)
	case c.what == settlement.Returned && !c.isOurs:
		return unfitf(settlement.Unmatched, "%s: no such record was presented", c.kind)
	}
	return nil
}

// kinds are the messages that are counted. An arbitration chargeback takes what was presented again, as the first one
// took what was presented.
var kinds = map[string]settlement.ItemKind{
	"1442/450": settlement.Chargeback, "1442/453": settlement.Chargeback,
	"1442/451": settlement.Chargeback, "1442/454": settlement.Chargeback,
	"1240/205": settlement.Represented, "1240/282": settlement.Represented,
	"1740/700": settlement.SchemeFee, "1240/200": settlement.Returned,
}

// What DE3 of a fee begins with.
const (
	feeCollected = "19"
	feePaid      = "29"
)

// effect is what a record adds to the net of whoever's money it is, but for interchange; 0 where it does not say.
func (i *incomingRecord) effect(kind settlement.ItemKind) (minor int64) {
	switch {
	case kind == settlement.Chargeback, kind == settlement.SchemeFee && strings.HasPrefix(i.processing, feeCollected):
		minor = -i.amountMinor
	case kind != settlement.SchemeFee, strings.HasPrefix(i.processing, feePaid):
		minor = i.amountMinor
	}
	if i.reversal {
		return -minor
	}
	return minor
}

// count adds what a record says to what came of its currency.
func (m *matcher) count(currency string, moved settlement.Moved, excepted bool, keptMinor int64) error {
	return m.of(currency).Add(moved, excepted, keptMinor)
}

// countAgain adds what is presented again and not counted, debits less credits.
func (m *matcher) countAgain(currency string, minor int64) error {
	return m.of(currency).AddAgain(minor)
}

func (m *matcher) of(currency string) *settlement.Received {
	r := m.received[currency]
	if r == nil {
		r = &settlement.Received{Currency: currency}
		m.received[currency] = r
	}
	return r
}

// sorted is what came, by currency.
func (m *matcher) sorted() []settlement.Received {
	list := make([]settlement.Received, 0, len(m.received))
	for _, currency := range slices.Sorted(maps.Keys(m.received)) {
		list = append(list, *m.received[currency])
	}
	return list
}
