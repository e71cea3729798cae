package binding

// The codes that answer for a whole request.
const (
	codeInvalid         = "invalid_payload"
	codeMediaType       = "unsupported_media_type"
	codeCharset         = "unsupported_charset"
	codeContentEncoding = "unsupported_content_encoding"
	codeBodyTooLarge    = "body_too_large"
	codeFileTooLarge    = "file_too_large"
	codeBodyTimeout     = "body_timeout"
	codeBodyUnreadable  = "body_unreadable"
	codeInternal        = "internal_error"
)

// The codes of single issues.
const (
	codeEmpty           = "empty_body"
	codeMalformed       = "malformed_json"
	codeUTF8            = "invalid_utf8"
	codeBOM             = "byte_order_mark"
	codeTrailing        = "trailing_data"
	codeDuplicate       = "duplicate_field"
	codeUnknown         = "unknown_field"
	codeMissing         = "missing_field"
	codeReadOnly        = "read_only_field"
	codeNull            = "null_not_allowed"
	codeType            = "type_mismatch"
	codeRange           = "number_out_of_range"
	codeNumberLen       = "number_too_long"
	codeStringLen       = "string_too_long"
	codeLength          = "wrong_length"
	codeValue           = "invalid_value"
	codeCharacter       = "forbidden_character"
	codeDepth           = "too_deep"
	codeValues          = "too_many_values"
	codeUnknownParam    = "unknown_parameter"
	codeRepeatedParam   = "repeated_parameter"
	codeRepeatedField   = "repeated_field"
	codeQuery           = "malformed_query"
	codeForm            = "malformed_form"
	codeParams          = "too_many_parameters"
	codeParts           = "too_many_parts"
	codeFileType        = "file_type_not_allowed"
	codeRulePrefix      = "rule."
	codeRuleWithoutName = "rule"
)
