package message

// responses are the MTIs of the answers, by the second, third and fourth digit of what they answer: requests end in 10,
// advices in 30, whether first sent or repeated; what an issuer began, in 12 and 32, another party, in 14 and 34.
var responses = func() (t [10][2][10]string) {
	for class := range t {
		for function, digit := range [2]byte{'1', '3'} {
			for origin := range t[class][function] {
				answer := byte(origin) &^ 1 // the odd ones are repeats
				if origin > 5 {
					answer = 0 // reserved
				}
				t[class][function][origin] = string([]byte{'0', '0' + byte(class), digit, '0' + answer})
			}
		}
	}
	return t
}()

// ResponseMTI is the MTI that answers a request or advice.
func ResponseMTI(mti []byte) string {
	function := 0
	if mti[2] == '2' {
		function = 1
	}
	return responses[mti[1]-'0'][function][mti[3]-'0']
}

// Answerable tells whether an MTI is that of a request or advice of version 1987, which gets an answer.
func Answerable(mti []byte) bool {
	return len(mti) == 4 && mti[0] == '0' && (mti[2] == '0' || mti[2] == '2')
}

// Reject writes 9 for the version of a message that cannot be answered as it cannot be read: hosts return those to
// their sender otherwise as they came. frame begins with the MTI, in ASCII, EBCDIC or BCD.
func Reject(frame []byte) {
	switch frame[0] >> 4 {
	case 0x3:
		frame[0] = '9'
	case 0xF:
		frame[0] = 0xF9
	default:
		frame[0] = 0x90 | frame[0]&0xF
	}
}
