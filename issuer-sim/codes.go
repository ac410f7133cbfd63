package issuersim

// Response codes, DE39.
const (
	codeApproved     = "00"
	codePartial      = "10"
	codeInvalid      = "12" // invalid transaction
	codeAmount       = "13" // invalid amount
	codeUnknownCard  = "14"
	codeNoAction     = "21" // its reversal came first
	codeNoOriginal   = "25"
	codeFormat       = "30"
	codeLost         = "41"
	codeStolen       = "43"
	codeFunds        = "51"
	codeExpired      = "54"
	codeLimit        = "61"
	codeVerified     = "85" // an account verification: nothing speaks against it
	codeUnavailable  = "91"
	codeDuplicate    = "94"
	codeMalfunction  = "96"
	codeCVC          = "N7"
	codeNotPermitted = "57"
)

// code is DE39 as it is kept; zero if there is none.
type code [2]byte

func codeOf(s string) (c code) {
	copy(c[:], s)
	return c
}

func (c code) text() string {
	if c == (code{}) {
		return ""
	}
	return string(c[:])
}

func (c code) is(s string) bool { return len(s) == 2 && c[0] == s[0] && c[1] == s[1] }

// approves tells whether something was applied under the code: 00, 08, 10, 11 and 85.
func (c code) approves() bool {
	switch c {
	case code{'0', '0'}, code{'0', '8'}, code{'1', '0'}, code{'1', '1'}, code{'8', '5'}:
		return true
	}
	return false
}

// validCode tells whether s can stand in DE39.
func validCode(s string) bool {
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
