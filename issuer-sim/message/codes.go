package message

// Response codes, DE39.
const (
	CodeApproved     = "00"
	CodePartial      = "10"
	CodeInvalid      = "12" // invalid transaction
	CodeAmount       = "13" // invalid amount
	CodeUnknownCard  = "14"
	CodeNoAction     = "21" // its reversal came first
	CodeNoOriginal   = "25"
	CodeFormat       = "30"
	CodeLost         = "41"
	CodeStolen       = "43"
	CodeFunds        = "51"
	CodeExpired      = "54"
	CodeLimit        = "61"
	CodeSecurity     = "63" // security violation: no MAC
	CodeVerified     = "85" // an account verification: nothing speaks against it
	CodeUnavailable  = "91"
	CodeDuplicate    = "94"
	CodeMalfunction  = "96"
	CodeCVC          = "N7"
	CodeNotPermitted = "57"
)

// Code is DE39 as it is kept; zero if there is none.
type Code [2]byte

// CodeOf keeps a code.
func CodeOf(s string) (c Code) {
	copy(c[:], s)
	return c
}

// Text is the code as it was; empty for none.
func (c Code) Text() string {
	if c == (Code{}) {
		return ""
	}
	return string(c[:])
}

// Is tells whether it is one of the codes above.
func (c Code) Is(s string) bool { return len(s) == 2 && c[0] == s[0] && c[1] == s[1] }

// Approves tells whether something was applied under the code: 00, 08, 10, 11 and 85.
func (c Code) Approves() bool {
	switch c {
	case Code{'0', '0'}, Code{'0', '8'}, Code{'1', '0'}, Code{'1', '1'}, Code{'8', '5'}:
		return true
	}
	return false
}

// ValidCode tells whether s can stand in DE39.
func ValidCode(s string) bool {
	if len(s) != 2 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
