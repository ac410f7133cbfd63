package audit

import (
	"bytes"
	"fmt"
	"slices"
)

// compareIssuer holds the payment against the issuer's book. Every operation has its outcome here, and no advice was
// refused.
func (c *check) compareIssuer() {
	root := &c.p.Ops[0]
	h := c.issuer.take(root.RRN, c.p.id)
	switch {
	case root.Op == opVoice:
	case root.State != stateApproved:
		c.nothingHeld(0, h)
	case root.Op == opVerify:
		if h != nil && h.live() {
			c.differ(HeldUnapproved, root, h.authorized, "a verification holds %d at the issuer", h.hold)
		}
	case h == nil:
		c.differ(MissingAtIssuer, root, root.Granted, "%s approved with %d, the issuer has nothing", root.Op, root.Granted)
		c.countMissing()
	case root.row.clears:
		c.sameRequest(root, h, root.row.holding)
		c.posting(0, h)
	default:
		c.sameRequest(root, h, root.row.holding)
		c.sameSums(h)
		c.increments(h)
	}
	for i := 1; i < len(c.p.Ops); i++ {
		switch op := &c.p.Ops[i]; op.Op {
		case opCapture:
			c.capture(i, h)
		case opRefund:
			c.refund(i)
		}
	}
}

// countMissing adds an authorization, or what clears by itself, that the issuer does not have to the switch's column.
func (c *check) countMissing() {
	if root := &c.p.Ops[0]; root.row.clears {
		c.countOp(root, root.row.line, bookSwitch, root.Granted)
		return
	}
	s, _ := c.p.sums()
	c.count(lineAuthorized, bookSwitch, s.authorized-s.released)
	c.count(lineHeld, bookSwitch, s.capturable())
}

// waiveIssuer claims what the issuer has of a payment that is apart.
func (c *check) waiveIssuer() {
	for i := range c.p.Ops {
		if h := c.issuer.take(c.p.Ops[i].RRN, c.p.id); h != nil {
			h.waived = true
		}
	}
}

// nothingHeld expects that no money hangs on request i at the issuer: it was declined, was never sent, or was undone.
func (c *check) nothingHeld(i int, h *holding) {
	if h == nil {
		return
	}
	h.waived = true
	switch op := &c.p.Ops[i]; {
	case op.State == stateFailed:
		c.differ(HeldUnapproved, op, op.Amount, "%s was never sent, yet the issuer has it", op.Op)
	case h.live():
		c.differ(
			HeldUnapproved, op, op.Amount, "%s is %s; the issuer has authorized %d, captured %d, holds %d", op.Op, op.State,
			h.authorized, h.captured, h.hold,
		)
	}
}

// sameRequest compares what a request and its line at the issuer have in common.
func (c *check) sameRequest(op *operation, h *holding, kind issuerKind) {
	if h.kind != kind {
		c.differ(IssuerData, op, op.Granted, "%s is of another kind at the issuer", op.Op)
	}
	if is := h.currency.Value(); is != c.p.Currency {
		c.differ(IssuerCurrency, op, op.Granted, "switch %s, issuer %s", c.p.Currency, is)
	}
	if is := h.response.Value(); is != op.ResponseCode {
		c.differ(IssuerResponse, op, op.Granted, "response code: switch %q, issuer %q", op.ResponseCode, is)
	}
	if is := h.auth.String(); is != op.AuthCode {
		c.differ(IssuerAuthCode, op, op.Granted, "authorization code: switch %q, issuer %q", op.AuthCode, is)
	}
	if stan, de7 := string(h.stan[:]), string(h.de7[:]); stan != op.STAN || de7 != op.DE7 {
		c.differ(IssuerData, op, op.Granted, "STAN and DE7: switch %s %s, issuer %q %q", op.STAN, op.DE7, stan, de7)
	}
	c.sameCard(op, h)
}

func (c *check) sameCard(op *operation, h *holding) {
	if is := h.pan.Value(); is != c.p.PAN {
		c.differ(IssuerData, op, op.money(), "card: switch %s, issuer %s", masked(c.p.PAN), is)
	}
	if is := h.merchant.Value(); is != c.p.Merchant {
		c.differ(IssuerData, op, op.money(), "merchant: switch %q, issuer %q", c.p.Merchant, is)
	}
}

// sameSums compares the money of an authorization.
func (c *check) sameSums(h *holding) {
	root := &c.p.Ops[0]
	s, _ := c.p.sums()
	// A reversal presentment reaches the issuer in a file, when the clearing team presents it; until then what it takes
	// back is authorized and captured there. The hold is the same before and after.
	pending := s.takenBack - c.reversedByFile(h)
	authorized := s.authorized - s.released + pending
	if h.authorized != authorized {
		c.differ(IssuerAmount, root, authorized-h.authorized, "authorized: switch %d, issuer %d", authorized, h.authorized)
	}
	switch hold := s.capturable(); {
	case h.hold > hold:
		c.differ(HoldUnowned, root, h.hold-hold, "the issuer holds %d, of which the switch can capture %d", h.hold, hold)
	case h.hold < hold:
		c.differ(HoldShort, root, hold-h.hold, "the switch can capture %d, of which the issuer holds %d", hold, h.hold)
	}
	if debits := h.debits(); h.captured != debits || h.hold != max(0, h.authorized-h.captured) {
		c.differ(
			IssuerSums, root, h.captured-debits,
			"the issuer says authorized %d, captured %d, held %d; its postings sum up to %d",
			h.authorized, h.captured, h.hold, debits)
	}
	c.count(lineAuthorized, bookSwitch, authorized)
	c.count(lineAuthorized, bookIssuer, h.authorized)
	c.count(lineHeld, bookSwitch, s.capturable())
	c.count(lineHeld, bookIssuer, h.hold)
}

// reversedByFile is what the issuer has taken back already of what the payment's reversal presentments take back.
func (c *check) reversedByFile(h *holding) (minor int64) {
	for i := range c.p.Ops {
		op := &c.p.Ops[i]
		if op.Op != opVoidPresentment || !op.promised() {
			continue
		}
		for j := range h.postings {
			if p := &h.postings[j]; p.number == int32(c.p.Ops[op.Target].Number) && p.state == postingReversed {
				minor += p.amount
			}
		}
	}
	return minor
}

// increments compares the increments one by one; their sum is in the authorization's.
func (c *check) increments(h *holding) {
	for i := 1; i < len(c.p.Ops); i++ {
		op := &c.p.Ops[i]
		if op.Op != opIncrement {
			continue
		}
		var found *increase
		for j := range h.increased {
			if up := &h.increased[j]; up.rrn.String() == op.RRN {
				up.known = true
				found = up
			}
		}
		switch approved := op.State == stateApproved; {
		case found == nil && approved:
			c.differ(MissingAtIssuer, op, op.Granted, "increment approved with %d, the issuer has nothing", op.Granted)
		case found == nil:
		case !approved && (!found.reversed || op.State == stateFailed):
			c.differ(HeldUnapproved, op, found.amount, "increment is %s, the issuer has added %d", op.State, found.amount)
		case approved && found.amount != op.Granted:
			c.differ(IssuerAmount, op, op.Granted-found.amount, "increment: switch %d, issuer %d", op.Granted, found.amount)
		}
	}
}

// capture compares one capture with its posting. h is the authorization; a voice capture stands alone.
func (c *check) capture(i int, h *holding) {
	op := &c.p.Ops[i]
	if c.p.Ops[0].Op == opVoice {
		if h = c.issuer.take(op.RRN, c.p.id); h != nil {
			c.sameVoice(op, h)
		}
	}
	switch {
	case h != nil:
		c.posting(i, h)
	case op.stands():
		c.differ(PostingMissing, op, op.Amount, "capture %d of %d: the issuer has nothing", op.Number, op.Amount)
		c.countOp(op, lineCaptured, bookSwitch, op.Amount)
	}
}

// sameVoice compares a line of the issuer's that begins with a capture.
func (c *check) sameVoice(op *operation, h *holding) {
	if h.kind != kindVoice {
		c.differ(IssuerData, op, op.Amount, "capture is of another kind at the issuer")
	}
	if is := h.currency.Value(); is != c.p.Currency {
		c.differ(IssuerCurrency, op, op.Amount, "switch %s, issuer %s", c.p.Currency, is)
	}
	if want, is := c.p.Ops[0].AuthCode, h.auth.String(); is != want {
		c.differ(IssuerAuthCode, op, op.Amount, "authorization code: switch %q, issuer %q", want, is)
	}
	c.sameCard(op, h)
}

func (c *check) refund(i int) {
	op := &c.p.Ops[i]
	h := c.issuer.take(op.RRN, c.p.id)
	switch {
	case op.State != stateApproved:
		c.nothingHeld(i, h)
	case h == nil:
		c.differ(MissingAtIssuer, op, op.Granted, "refund approved with %d, the issuer has nothing", op.Granted)
		c.countOp(op, lineRefunded, bookSwitch, op.Granted)
	default:
		c.sameRequest(op, h, op.row.holding)
		if first := h.firstRRN.String(); first != c.p.Ops[0].RRN {
			c.differ(IssuerData, op, op.Granted, "first RRN: switch %q, issuer %q", c.p.Ops[0].RRN, first)
		}
		c.posting(i, h)
	}
}

// posting compares a capture, sale or refund with its one posting in h. A sale's and a refund's line has no other; a
// capture's is found by its number.
func (c *check) posting(i int, h *holding) {
	op := &c.p.Ops[i]
	var found *posting
	for j := range h.postings {
		p := &h.postings[j]
		if p.matched || op.Op == opCapture && p.number != int32(op.Number) {
			continue
		}
		p.matched = true
		if found != nil {
			c.differ(PostingTwice, op, p.amount, "%s %d is posted twice at the issuer", op.Op, op.Number)
			continue
		}
		found = p
	}
	line := op.row.line
	void := c.p.takenBackBy(i)
	voided := void != nil && void.Op == opVoid
	moves := op.stands() && !voided
	if moves {
		c.countOp(op, line, bookSwitch, op.money())
	}
	switch {
	case found == nil && (moves || op.State == stateApproved):
		c.differ(PostingMissing, op, op.money(), "%s %d of %d: the issuer has no posting", op.Op, op.Number, op.money())
		return
	case found == nil:
		return
	case !op.stands():
		if found.state != postingReversed {
			c.differ(
				PostingUnknown, op, found.amount, "%s %d is %s, the issuer posted %d", op.Op, op.Number, op.State, found.amount,
			)
		}
		return
	}
	c.samePosting(op, found)
	reversed := found.state == postingReversed
	switch {
	case voided && !reversed:
		c.differ(PostingStands, op, found.amount, "%s %d is voided, its posting at the issuer stands", op.Op, op.Number)
	case void == nil && reversed:
		c.differ(PostingReversed, op, found.amount, "%s %d stands, its posting at the issuer is reversed", op.Op, op.Number)
	}
	if void != nil && void.Op == opVoidPresentment {
		c.countOp(void, lineTakenBack, bookSwitch, op.money())
		if reversed {
			c.countOp(void, lineTakenBack, bookIssuer, found.amount)
			c.countOp(op, line, bookIssuer, found.amount)
		}
	}
	if !reversed {
		c.countOp(op, line, bookIssuer, found.amount)
		c.settlement(op, found)
	}
}

func (c *check) samePosting(op *operation, p *posting) {
	if p.amount != op.money() {
		c.differ(
			PostingAmount, op, op.money()-p.amount, "%s %d: switch %d, issuer posted %d", op.Op, op.Number, op.money(), p.amount,
		)
	}
	if p.credit != op.row.credits {
		c.differ(PostingSign, op, op.money(), "%s %d: the issuer's posting has the other sign", op.Op, op.Number)
	}
	if is := p.arn.String(); is != op.ARN {
		c.differ(
			PostingData, op, op.money(), "acquirer reference of %s %d: switch %s, issuer %q", op.Op, op.Number, op.ARN, is,
		)
	}
	if is := p.date.Value(); is != monthDay(op.BusinessDate) {
		c.differ(
			PostingData, op, op.money(), "business date of %s %d: switch %s, issuer %q", op.Op, op.Number,
			monthDay(op.BusinessDate), is,
		)
	}
}

// monthDay turns YYYY-MM-DD into DE15's MMDD.
func monthDay(date string) string {
	if len(date) != len("2006-01-02") {
		return date
	}
	return date[5:7] + date[8:]
}

// settlement holds a posting that stands against the files: settled by the file that holds it, and by each file that
// was presented and holds it.
func (c *check) settlement(op *operation, p *posting) {
	if !c.counts(op) {
		return // its file is not read
	}
	settled := p.state == postingSettled
	held := false
	for _, in := range c.files.find(op.ARN).first {
		byIt := p.file.Value() == in.file.id
		held = held || byIt
		if !settled && c.issuer.presentedFile(in.file.id) && !c.p.rejected(op) {
			c.differ(
				Settlement, op, op.money(), "file %s was presented and holds %s %d; its posting is not settled", in.file.id, op.Op,
				op.Number,
			)
		}
	}
	if settled && !held {
		c.differ(
			Settlement, op, op.money(), "settled by file %q, which does not hold %s %d", p.file.Value(), op.Op, op.Number,
		)
	}
}

// unclaimedHoldings reports what the issuer has and the journal does not know, in the order of RRNs.
func (a *auditor) unclaimedHoldings() {
	for _, h := range a.issuer.twice {
		a.issuerDiffers(RRNTwice, h, h.rrn, h.authorized, "the issuer has this RRN twice")
	}
	var left []*holding
	for _, h := range a.issuer.byRRN {
		if !h.waived && (h.owner == 0 && !a.left(a.first.rrns[h.rrn]) || h.owner != 0 && !h.accounted()) {
			left = append(left, h)
		}
	}
	slices.SortFunc(left, func(x, y *holding) int { return bytes.Compare(x.rrn[:], y.rrn[:]) })
	for _, h := range left {
		a.unclaimed(h)
	}
}

func (a *auditor) unclaimed(h *holding) {
	if h.owner == 0 {
		a.totalHolding(h)
		a.issuerDiffers(UnknownToSwitch, h, h.rrn, max(h.authorized, h.posted()),
			"the issuer has authorized %d, captured %d, holds %d; the journal does not know it",
			h.authorized, h.captured, h.hold)
		return
	}
	for i := range h.increased {
		if up := &h.increased[i]; !up.known {
			a.issuerDiffers(
				UnknownToSwitch, h, up.rrn, up.amount, "the issuer has an increment of %d that the journal does not know",
				up.amount,
			)
		}
	}
	for i := range h.postings {
		if p := &h.postings[i]; !p.matched {
			a.issuerDiffers(PostingUnknown, h, h.rrn, p.amount,
				"the issuer posted %d under number %d and acquirer reference %s; the journal does not know it",
				p.amount, p.number, p.arn)
		}
	}
}

// totalHolding adds what only the issuer has to its column.
func (a *auditor) totalHolding(h *holding) {
	add := func(l line, minor int64) {
		if minor != 0 {
			a.totals.add(h.currency.Value(), l, bookIssuer, minor)
		}
	}
	if h.kind == kindAuthorization {
		add(lineAuthorized, h.authorized)
		add(lineHeld, h.hold)
	}
	for i := range h.postings {
		switch p := &h.postings[i]; {
		case p.state == postingReversed:
		case p.credit:
			add(lineRefunded, p.amount)
		default:
			add(lineCaptured, p.amount)
		}
	}
}

func (a *auditor) issuerDiffers(kind Kind, h *holding, name rrn, minor int64, format string, args ...any) {
	a.report.differ(Difference{
		Kind: kind, Payment: h.owner.String(), RRN: name.String(), Detail: fmt.Sprintf(format, args...),
		AmountMinor: minor, Currency: h.currency.Value()})
}
