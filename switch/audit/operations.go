package audit

// opRow is what the audit goes by of an operation: its own copy, from docs/design.md, and none of package payment's.
// What an operation moves is in sums (history.go).
type opRow struct {
	begins  bool     // it makes a payment; the others never do
	after   []string // what made the payment that it may follow; none: whatever did
	ownsRRN bool     // its RRN was made for it; the others carry that of what they complete or undo
	silent  bool     // it has no message, with a STAN and DE7 of its own
	granted bool     // an answer about it has the amount that was granted, which may be less than was asked for

	// It came in a clearing file, about the presentment of its target; or a person decided so about one.
	incoming, decided bool
	answers           bool // its target, a chargeback: a person decided so

	undoes, takesBack bool // its target, by a reversal; what the target captured, by a void

	clears    bool // it moves money, and so stands in a clearing file, on line of the totals
	line      line
	credits   bool       // the cardholder
	onPromise bool       // it stands once the switch gave its word; the others once the issuer approved them
	holding   issuerKind // what it makes at the issuer; 0: nothing that stands alone
}

// The words of the export.
const (
	opAuthorize       = "authorize"
	opSale            = "sale"
	opVerify          = "verify"
	opVoice           = "voice"
	opStandIn         = "stand_in" // read as authorize
	opIncrement       = "increment"
	opCapture         = "capture"
	opReverse         = "reverse"
	opRelease         = "release"
	opExpire          = "expire"
	opVoid            = "void"
	opVoidPresentment = "void_presentment"
	opRefund          = "refund"
	opTimeoutReversal = "timeout_reversal"
	opCredit          = "credit"
	opReject          = "reject"
	opChargeback      = "chargeback"
	opSettle          = "settle"
	opResubmit        = "resubmit"
	opWriteOff        = "write_off"
	opRepresent       = "represent"
	opAcceptDispute   = "accept_dispute"
)

var operations = map[string]*opRow{
	opAuthorize: {begins: true, ownsRRN: true, granted: true, holding: kindAuthorization},
	opSale:      {begins: true, ownsRRN: true, granted: true, clears: true, line: lineCaptured, holding: kindSale},
	opVerify:    {begins: true, ownsRRN: true, granted: true},
	// A voice payment sends nothing before its capture, which then carries the payment's RRN.
	opVoice:     {begins: true, ownsRRN: true, silent: true},
	opIncrement: {after: []string{opAuthorize}, ownsRRN: true, granted: true},
	opCapture:   {after: []string{opAuthorize, opVoice}, clears: true, line: lineCaptured, onPromise: true},
	opReverse:   {after: []string{opAuthorize}},
	opRelease:   {after: []string{opAuthorize}},
	opExpire:    {after: []string{opAuthorize}},
	opVoid:      {undoes: true, takesBack: true},

	opVoidPresentment: {undoes: true, takesBack: true, silent: true},
	opTimeoutReversal: {undoes: true},
	opReject:          {silent: true, incoming: true},
	opChargeback:      {silent: true, incoming: true},
	opSettle:          {silent: true, incoming: true},
	opResubmit:        {silent: true, incoming: true, decided: true},
	opWriteOff:        {silent: true, incoming: true, decided: true},
	opRepresent:       {silent: true, answers: true},
	opAcceptDispute:   {silent: true, answers: true},
	opRefund: {
		ownsRRN: true, granted: true, clears: true, line: lineRefunded, credits: true, holding: kindRefund,
	},
	opCredit: {
		begins: true, ownsRRN: true, granted: true, clears: true, line: lineRefunded, credits: true, holding: kindRefund,
	},
}

// noOperation is the row of a word that the audit does not know: contradiction finds it.
var noOperation opRow

// rowOf is the row of an operation by its word.
func rowOf(word string) *opRow {
	if row := operations[word]; row != nil {
		return row
	}
	return &noOperation
}
