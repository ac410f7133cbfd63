package matching

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
)

// cameFile is a file that came back, before its records are read.
type cameFile struct {
	File
	id   string
	date workday.Date
}

// readIn takes the records of the files that came back on the dates nearby, in the order of their ids.
func (m *matcher) readIn(context.Context) error {
	var files []cameFile
	for _, f := range m.src.In {
		id, err := m.idOf(&f)
		if err != nil {
			return err
		}
		if date, known := dateOf(id); known && m.nearby(date) {
			files = append(files, cameFile{f, id, date})
		}
	}
	slices.SortStableFunc(files, func(a, b cameFile) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.id, b.id))
	})
	var before string // SHA-256 of the file before
	for i := range files {
		f := &files[i]
		sum, whole, err := m.whole(f)
		if err != nil {
			return err
		}
		if i > 0 && f.id == files[i-1].id { // it is there twice
			if sum != before {
				err = m.unreadable(f.Name, "its id "+f.id+" is that of "+files[i-1].Name+", which has other bytes")
			}
			if err != nil {
				return err
			}
			continue
		}
		before = sum
		if !whole {
			continue
		}
		m.files = append(m.files, &readFile{name: f.Name, id: f.id, date: f.date})
		m.report.In = append(m.report.In, f.id)
		if err := m.came(f); err != nil {
			return err
		}
	}
	return nil
}

// idOf is a file's PDS0105, as its first record says; "" where it cannot be told.
func (m *matcher) idOf(f *File) (_ string, err error) {
	file, err := f.Open()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	in, err := clearing.NewReader(file)
	if err != nil {
		return "", m.unreadable(f.Name, err.Error())
	}
	r, err := in.Next()
	broken := (*clearing.FormatError)(nil)
	switch {
	case errors.Is(err, io.EOF):
		return "", m.unreadable(f.Name, "it has no record")
	case errors.As(err, &broken):
		return "", m.unreadable(f.Name, broken.Finding.String())
	case err != nil:
		return "", fmt.Errorf("%s: %w", f.Name, err)
	}
	id, _ := r.PDS(pdsFileID)
	return clean(id), nil
}

// whole tells whether a file may be taken, as a switch takes it: one that is not right as a whole moves nothing.
func (m *matcher) whole(f *cameFile) (sum string, whole bool, err error) {
	file, err := f.Open()
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	in := io.TeeReader(file, hash)
	report, err := clearing.Verify(in, clearing.VerifyOptions{Envelope: true})
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", f.Name, err)
	}
	sum = string(hash.Sum(nil))
	id, err := clearing.ParseFileID(report.FileID)
	switch {
	case report.ErrorCount > 0:
		return sum, false, m.unreadable(f.Name, "it is not right: "+report.Errors[0].String())
	case err != nil:
		return sum, false, m.unreadable(f.Name, err.Error())
	case len(report.FurtherIDs) > 0:
		return sum, false, m.unreadable(f.Name, "several files stand in it, one behind the other")
	case report.TakesBack != "":
		return sum, false, m.unreadable(f.Name, "it takes an earlier file back (PDS0026)")
	case id.Type == "":
		return sum, false, m.unreadable(f.Name, "its type is 002, a file that a member made")
	}
	return sum, true, nil
}

// came takes the records of a file that came back.
func (m *matcher) came(f *cameFile) error {
	var reject *pendingReject // the record before was a message exception
	err := m.eachRecord(&f.File, func(r *clearing.Record) error {
		if reject != nil {
			of := reject
			reject = nil
			if r.MTI == "1240" {
				return m.rejectedRecord(of, r)
			}
			if err := m.strange(of.item, of.source, "the record that it rejects does not stand behind it"); err != nil {
				return err
			}
		}
		kind := r.MTI + "/" + r.FunctionCode()
		if r.MTI == "1644" && r.Reversal() && kind != "1644/697" {
			return m.strange(m.recordItem(r), pds(r, pdsSource)+pds(r, pdsFile), "it takes an earlier record back (PDS0025)")
		}
		switch kind {
		case "1644/691":
			reject = &pendingReject{item: m.recordItem(r), source: pds(r, pdsSource), record: r.Number}
		case "1644/699":
			return m.refuse(r)
		case "1644/685":
			return m.position(r)
		case "1644/688":
			return m.netted(r)
		case "1442/450", "1442/453", "1442/451", "1442/454":
			m.moved(r)
			return m.chargebackRecord(r)
		case "1740/700":
			m.moved(r)
		}
		return nil
	})
	return err
}

// pendingReject is a 1644/691 whose record is not read yet.
type pendingReject struct {
	item   Item
	source string
	record int
}

func pds(r *clearing.Record, tag int) string {
	value, _ := r.PDS(tag)
	return clean(value)
}

// recordItem is a record that is about a file, or about many presentments.
func (m *matcher) recordItem(r *clearing.Record) Item {
	return Item{Ref: recordRef(m.files[len(m.files)-1], r.Number)}
}

// ofDate tells whether a file of ours is one of the date.
func (m *matcher) ofDate(id string) bool {
	date, known := dateOf(id)
	return known && date == m.o.Date
}

// strange tells of a record about a file of the date that nothing is matched with.
func (m *matcher) strange(item Item, source, why string) error {
	if !m.ofDate(source) {
		return nil
	}
	x := Match{Relation: Rejected, Class: FileOnly, Cause: Wrong, Reasons: []Reason{{Why: why}}}
	m.put(&x.Theirs, item)
	return m.add(&x)
}

// rejectedRecord takes the record that stands behind a message exception.
func (m *matcher) rejectedRecord(of *pendingReject, r *clearing.Record) error {
	if of.source != "" && !m.ofDate(of.source) {
		return nil
	}
	one := m.rowOf(r, ofReject)
	one.record, one.of, one.originalMinor = uint32(of.record), m.idNumber(of.source), one.amountMinor
	return m.keep(&one)
}

// idNumber is the number by which rows have a file's id; 0 for none.
func (m *matcher) idNumber(id string) uint32 {
	if id == "" {
		return 0
	}
	n := m.ids[id]
	if n == 0 {
		m.named = append(m.named, id)
		n = uint32(len(m.named))
		m.ids[id] = n
	}
	return n
}

// chargebackRecord takes a 1442. What takes one back is an exception of the switch's, and told as that.
func (m *matcher) chargebackRecord(r *clearing.Record) error {
	one := m.rowOf(r, ofChargeback)
	if one.reversal {
		if !m.about(&one) {
			return nil
		}
		x := Match{
			Relation: ChargedBack, Class: FileOnly, Cause: Wrong, Currency: text(one.currency[:]),
			Reasons: []Reason{{Why: "it takes a chargeback back (PDS0025), which nothing books"}},
		}
		item := m.item(&one)
		item.NetMinor = one.amountMinor
		m.put(&x.Theirs, item)
		return m.add(&x)
	}
	one.originalMinor = one.amountMinor
	if text := r.Text(30); len(text) >= amountDigits {
		one.originalMinor, _ = strconv.ParseInt(text[:amountDigits], 10, 64)
	}
	return m.keep(&one)
}

const amountDigits = 12

// bareKey is what finds the presentment of a record without an acquirer reference.
type bareKey struct {
	rrn      [12]byte
	authCode [6]byte
	reversal bool
	second   bool
}

func (r *row) bareKey() bareKey { return bareKey{r.rrn, r.authCode, r.reversal, r.second} }

// mostBare is how many records without an acquirer reference are matched.
const mostBare = 65_536

// keep puts a record that came back where its presentment finds it.
func (m *matcher) keep(r *row) error {
	if r.reference == [23]byte{} && m.bares < mostBare {
		key := r.bareKey()
		m.bare[key] = append(m.bare[key], *r)
		m.bares++
		return nil
	}
	return m.sorter.Add(r.encode(nil))
}

// takeBare adds to a presentment the records without a reference that have its RRN, authorization code and amount.
func (m *matcher) takeBare(g *group) {
	journal := g.rows[ofJournal]
	if len(journal) == 0 || len(m.bare) == 0 {
		return
	}
	key := journal[0].bareKey() // all have the same
	left := m.bare[key][:0]
	for _, r := range m.bare[key] {
		if slices.ContainsFunc(journal, func(j row) bool { return j.amountMinor == r.originalMinor }) {
			r.reference = journal[0].reference
			g.rows[r.side] = append(g.rows[r.side], r)
			m.bares--
		} else {
			left = append(left, r)
		}
	}
	if len(left) == 0 {
		delete(m.bare, key)
	} else {
		m.bare[key] = left
	}
}

// leaveBare leaves the records without a reference that no presentment has taken.
func (m *matcher) leaveBare() error {
	var rest []row
	for _, rows := range m.bare {
		rest = append(rest, rows...)
	}
	slices.SortFunc(rest, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
	})
	for i := range rest {
		if err := m.leave(&rest[i], ""); err != nil {
			return err
		}
	}
	return nil
}

// refusal is a 1644/699 about a file of the date.
type refusal struct {
	item   Item
	date   workday.Date // of the file that it came in
	booked Sum          // what the journal has as rejected of the file
}

// fileIDElement is how PDS0005 names PDS0105.
const fileIDElement = "P0105"

// refuse takes a file reject. One that is for the file's id rejects nothing: the file was delivered twice.
func (m *matcher) refuse(r *clearing.Record) error {
	source := pds(r, pdsSource)
	if strings.HasPrefix(pds(r, pdsErrors), fileIDElement) {
		return m.strange(m.recordItem(r), source,
			"it refuses the file for its id: whether a file of that id was taken before is for a person to find out")
	}
	if !m.ofDate(source) {
		return nil
	}
	if m.outs[source] == nil {
		return m.strange(m.recordItem(r), source, "it rejects a file of ours that is not there")
	}
	if m.refused[source] != nil {
		return m.strange(m.recordItem(r), source, "it rejects a file that was rejected before")
	}
	m.refused[source] = &refusal{item: m.recordItem(r), date: m.files[len(m.files)-1].date}
	return nil
}

// wasRejected tells whether a record of a file out is one that came back, or all of its file did.
func (m *matcher) wasRejected(g *group, out *row) bool {
	id := m.files[out.file].id
	return m.refused[id] != nil || slices.ContainsFunc(g.rows[ofReject], func(r row) bool { return m.names(&r, id) })
}

// names tells whether a reject names a file.
func (m *matcher) names(reject *row, id string) bool {
	return reject.of > 0 && m.named[reject.of-1] == id
}

// rejects matches the records of a presentment with the message exceptions about them.
func (m *matcher) rejects(g *group, of *pairs) error {
	journal, out := g.rows[ofJournal], g.rows[ofFileOut]
	var rejected [mostOfAReference]bool
	strange := false // a reject is of no record
	for i := range g.rows[ofReject] {
		r := &g.rows[ofReject][i]
		why, at := "", -1
		for k := range out {
			switch {
			case r.of > 0 && !m.names(r, m.files[out[k].file].id):
			case rejected[k]:
				why = "the record was rejected before"
			case at < 0 || r.alike(&out[k]) && !r.alike(&out[at]): // several in a file are parts, presented a second time
				at = k
			}
		}
		if at < 0 {
			strange = true
			if err := m.leave(r, why); err != nil {
				return err
			}
			continue
		}
		rejected[at] = true
		m.files[out[at].file].out.add(m, &out[at], -1)
		var booked *row
		if of[at] > 0 {
			booked = &journal[of[at]-1]
		}
		if err := m.rejectPair(&out[at], r, booked); err != nil {
			return err
		}
	}
	for i := range journal {
		if !journal[i].rejected {
			continue
		}
		at := slices.Index(of[:len(out)], uint8(i+1))
		if at >= 0 && rejected[at] || at < 0 && strange {
			continue
		}
		if err := m.rejectedWhole(&journal[i], out, at); err != nil {
			return err
		}
	}
	return nil
}

// rejectedWhole takes what the journal has as rejected, and no record says so: its file was refused as a whole. at is
// the place of its record, less than 0 where it has none.
func (m *matcher) rejectedWhole(booked *row, out []row, at int) error {
	if at >= 0 {
		if refusal := m.refused[m.files[out[at].file].id]; refusal != nil {
			m.addSum(&refusal.booked, Sum{1, out[at].netMinor()})
			return nil
		}
	}
	x := Match{
		Relation: Rejected, Class: LocalOnly, Cause: Wrong, Currency: text(booked.currency[:]), By: byReference,
		Reasons: []Reason{{Why: "the journal has it as rejected by a record that stands in no file that came back"}},
	}
	m.put(&x.Ours, m.item(booked))
	return m.add(&x)
}

// rejectPair tells of a record and the message exception about it.
func (m *matcher) rejectPair(out, reject, booked *row) error {
	x := Match{
		Relation: Rejected, Class: Matched, Currency: text(out.currency[:]), By: byReference,
		Reasons: m.moneyDifferences(out, reject),
	}
	if len(x.Reasons) > 0 {
		x.Class, x.Cause = Mismatched, Wrong
	} else if booked != nil && !booked.rejected {
		x.Class, x.Cause = Mismatched, m.since(m.files[reject.file].date)
		x.Reasons = []Reason{{Why: "the journal has not booked the reject"}}
	}
	m.put(&x.Ours, m.item(out))
	m.put(&x.Theirs, m.item(reject))
	return m.add(&x)
}

// chargebacks matches what the journal has of chargebacks with the records that they are. Of what was rejected and
// presented again they are about what stands in the last file; if that is of another date, so are they.
func (m *matcher) chargebacks(g *group) error {
	journal, booked, came := g.rows[ofJournal], g.rows[ofChargedBack], g.rows[ofChargeback]
	if len(journal) > 0 && !slices.ContainsFunc(journal, func(r row) bool { return !r.again }) {
		return nil
	}
	var paired [mostOfAReference]bool
	for i := range came {
		theirs := &came[i]
		at := slices.IndexFunc(booked, func(ours row) bool {
			return ours.file == theirs.record && m.named[ours.of-1] == m.files[theirs.file].id
		})
		var err error
		switch {
		case at >= 0 && !paired[at]:
			paired[at] = true
			err = m.chargebackPair(&booked[at], theirs)
		case len(journal) == 0:
			err = m.leave(theirs, "")
		default:
			err = m.unbookedChargeback(&journal[0], theirs)
		}
		if err != nil {
			return err
		}
	}
	for i := range booked {
		if paired[i] {
			continue
		}
		x := m.chargeback(&booked[i])
		x.Class, x.Cause = LocalOnly, Wrong
		x.Reasons = []Reason{{Why: "the journal has booked it by a record that stands in no file that came back"}}
		m.put(&x.Ours, m.chargebackItem(&booked[i]))
		if err := m.add(&x); err != nil {
			return err
		}
	}
	return nil
}

// chargebackPair tells of a chargeback that the journal has and its record. What came before issuer references were
// kept has none in the journal.
func (m *matcher) chargebackPair(ours, theirs *row) error {
	x := m.chargeback(ours)
	x.Class, x.Reasons = Matched, m.partyDifferences(ours, theirs)
	if ours.amountMinor != theirs.amountMinor {
		x.Reasons = append(x.Reasons, Reason{
			Field: "amount", Ours: amountText(ours.amountMinor, ours), Theirs: amountText(theirs.amountMinor, theirs),
		})
	}
	if ours.issuer != theirs.issuer && ours.issuer != [len(ours.issuer)]byte{} {
		x.Reasons = append(x.Reasons, issuerDiffers(ours, theirs))
	}
	if len(x.Reasons) > 0 {
		x.Class, x.Cause = Mismatched, Wrong
	}
	m.put(&x.Ours, m.chargebackItem(ours))
	m.put(&x.Theirs, m.chargebackItem(theirs))
	return m.add(&x)
}

// unbookedChargeback tells of a record that the journal has not booked on a presentment of its reference.
func (m *matcher) unbookedChargeback(presented, theirs *row) error {
	x := m.chargeback(theirs)
	x.Class, x.Cause, x.Reasons = FileOnly, m.since(m.files[theirs.file].date), m.partyDifferences(presented, theirs)
	if len(x.Reasons) > 0 {
		x.Cause = Wrong
	}
	x.Reasons = append(x.Reasons, Reason{Why: "the journal has not booked it"})
	m.put(&x.Theirs, m.chargebackItem(theirs))
	return m.add(&x)
}

func (m *matcher) chargeback(r *row) Match {
	return Match{Relation: ChargedBack, Currency: text(r.currency[:]), By: byReference}
}

// chargebackItem is an item of what goes back to the cardholder.
func (m *matcher) chargebackItem(r *row) Item {
	item := m.item(r)
	item.NetMinor = -r.amountMinor
	return item
}

// partyDifferences are those of currency and card.
func (m *matcher) partyDifferences(ours, theirs *row) []Reason {
	return slices.DeleteFunc(m.moneyDifferences(ours, theirs), func(differs Reason) bool {
		return differs.Field != "currency" && differs.Field != "card"
	})
}

// settles counts a record of the date's files as settled in the journal, if its presentment is.
func (m *matcher) settles(ours, theirs *row) {
	if out := m.files[theirs.file].out; out != nil && ours.settled {
		m.addSum(&out.by[text(theirs.currency[:])].booked, Sum{1, theirs.netMinor()})
	}
}

// currencyOf are the letters of an element with a currency's digits.
func currencyOf(r *clearing.Record, de int) string {
	numeric := clean(r.Text(de))
	if c, ok := money.ByNumeric(numeric); ok {
		return c.Alpha
	}
	return numeric
}
