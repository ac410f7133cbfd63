package payment

// CodeRow is what a DE39 means to the switch. A code without a row declines a request, and parks an advice or a
// reversal that goes by store-and-forward.
type CodeRow struct {
	Code  string
	Words string // for gateways and people

	Approves bool // a request, or the advice of a fact
	Verifies bool // approves a verification, and nothing else
	Partial  bool // approves DE4, which is less than was asked for
	Done     bool // ends a reversal
	NotFound bool // says to a reversal that there is no original: ends it where no approval is recorded (I5)
	Again    bool // is no answer to a reversal or advice: it is repeated (I5). A request is declined
}

var codes = []CodeRow{
	{Code: "", Again: true},
	{Code: "00", Words: "approved", Approves: true, Done: true},
	{Code: "01", Words: "the issuer wants to be called"},
	{Code: "02", Words: "the issuer wants to be called"},
	{Code: "03", Words: "invalid merchant"},
	{Code: "04", Words: "the card is to be kept"},
	{Code: "05", Words: "do not honour"},
	{Code: "07", Words: "the card is to be kept"},
	{Code: "08", Words: "approved with identification", Approves: true},
	// A link takes it for no answer, so that nothing else hears of it.
	{Code: "09", Words: "the issuer works on it still", Again: true},
	{Code: "10", Words: "approved for a lower amount", Approves: true, Partial: true},
	{Code: "11", Words: "approved (VIP)", Approves: true},
	{Code: "12", Words: "invalid transaction"},
	{Code: "13", Words: "invalid amount"},
	{Code: "14", Words: "no such card"},
	{Code: "15", Words: "no such issuer"},
	{Code: "21", Words: "no action taken", NotFound: true},
	{Code: "25", Words: "original not found", NotFound: true},
	{Code: "30", Words: "format error"},
	{Code: "41", Words: "lost card"},
	{Code: "43", Words: "stolen card"},
	{Code: "51", Words: "insufficient funds"},
	{Code: "54", Words: "expired card"},
	{Code: "57", Words: "not permitted to the cardholder"},
	{Code: "58", Words: "not permitted to the terminal"},
	{Code: "59", Words: "suspected fraud"},
	{Code: "61", Words: "over the card's limit"},
	{Code: "62", Words: "restricted card"},
	{Code: "63", Words: "security violation"},
	{Code: "65", Words: "over the card's number of uses"},
	{Code: "85", Words: "no reason to decline", Verifies: true},
	{Code: "91", Words: "the issuer is unavailable", Again: true},
	{Code: "92", Words: "no way to the issuer"},
	{Code: "93", Words: "against the law"},
	{Code: "94", Words: "duplicate transmission"},
	{Code: "96", Words: "system malfunction at the issuer", Again: true},
	{Code: "N7", Words: "wrong card verification code"},
}

var codeRows = func() map[string]*CodeRow {
	rows := make(map[string]*CodeRow, len(codes))
	for i := range codes {
		rows[codes[i].Code] = &codes[i]
	}
	return rows
}()

var noCode CodeRow

// Meaning returns the row of a response code, an empty one where it has none.
func Meaning(code string) *CodeRow {
	if row := codeRows[code]; row != nil {
		return row
	}
	return &noCode
}

// KnownCode tells whether a response code has a row.
func KnownCode(code string) bool { return code != "" && codeRows[code] != nil }

// CodeOf makes a string of a response code; those of the table cost no allocation.
func CodeOf(b []byte) string {
	if row := codeRows[string(b)]; row != nil {
		return row.Code
	}
	return string(b)
}

// Words says a response code in words.
func Words(code string) string {
	if row := codeRows[code]; row != nil {
		return row.Words
	}
	return "response code " + code
}

// Approving tells whether a response code approves an operation of a kind.
func Approving(code string, kind Kind) bool {
	row := Meaning(code)
	return row.Approves || row.Verifies && kind == KindVerify
}
