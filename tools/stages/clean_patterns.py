"""The patterns that the rules of `clean` look for."""

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in patterns), re.IGNORECASE | re.MULTILINE)


BAD = re.compile(
    "[\ufffd\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
    "|[\ud800-\udfff]|\u00e2\u20ac|\u00c3[\u00a8\u00a9\u00b1\u00b6\u00bc]"
)
_CANNOT = r"(?:cannot|can't|can\u2019t|am unable to|am not able to|won't|will not|must decline to)"
REFUSAL = _any(
    r"\bas an? (?:AI|artificial intelligence)(?: language)? (?:model|assistant|system)\b",
    r"\bas an AI,",
    r"^\W*as an? (?:AI|artificial intelligence)\b(?! (?:player|agent|opponent|engineer|"
    r"researcher))",
    r"\bas a (?:large )?language model\b",
    r"^\W*(?:I'm|I\u2019m|I am) (?:really |very |so )?sorry\b",
    r"\b(?:I'm|I\u2019m|I am) (?:really |very |so )?sorry, (?:but|I)\b",
    r"^\W*(?:sorry|unfortunately|I apologi[sz]e),? (?:but |for [^.\n]{0,60}but )?I\b",
    rf"\bI {_CANNOT} (?:\w+ )?(?:assist|help|provide|fulfil|fulfill|comply|generate|create|answer|"
    rf"do that|complete|rewrite)\b",
)
_KIND = (
    r"(?:problem|prompt|question|task|version|instruction|challenge|exercise|coding|programming)s?"
)
META = _any(
    r"#\s*(?:the )?(?:given|rewritten|new|created|original|evolved) (?:prompt|problem|question|"
    r"instruction|test)\s*#",
    r"\b(?:rewritten|evolved) (?:prompt|instruction|problem|question)s?\b",
    r"\b(?:original|seed|parent|(?-i:Given)) prompt\b",
    r"\bseed (?:problem|question|instruction|code|snippet)\b",
    r"\b(?:inspired by|based on) the (?:given |provided |above |seed )?(?:snippet|seed|prompt)\b",
    rf"\b(?:here is|here's|here\u2019s|here are|below is)(?: (?:a|an|the|my|your|one|some))?"
    rf"(?: [\w-]+){{0,3}}? (?:new|rewritten|revised|modified|updated|evolved|improved|challenging|"
    rf"harder)(?: [\w-]+){{0,2}} {_KIND}\b",
    r"^\W*(?:sure|certainly|of course|absolutely|okay)[!,.:]+ (?:here|I|let|this|the|a)\b",
    rf"^\W*(?:new|rewritten|evolved|revised|created) {_KIND}(?: \d+)?\s*\**:",
    r"\bI(?:'ve|\u2019ve| have) (?:rewritten|modified|added|created|evolved|increased|made)"
    r" (?:the|a|an|this|your) (?:\w+ )?(?:prompt|problem|question|constraint|requirement|"
    r"difficulty)",
    # what a model says of its change: "the function now also takes", "making it harder to solve"
    rf"\b(?:function|program|{_KIND}) now (?:also )?(?:takes?|needs?|has|returns?|must|should|"
    rf"requires?|accepts?|counts?|handles?|includes?|supports?)\b",
    rf"\bmaking (?:it|this|the {_KIND}) (?:\w+ ){{0,2}}?(?:harder|difficult|challenging|complex) "
    r"to solve\b",
    r"\b(?:than|from|in|of|to|unlike) the (?:previous|original|earlier|old) "
    r"(?:requirement|constraint|signature)s?\b",
    r"\b(?:hope this helps|let me know if you)\b",
    r"<\|\w+\|>|\[/?INST\]",
)
PLACEHOLDER = _any(
    r"\[\s*(?:insert\b(?!\s*[,\d-])|your|fill in|placeholder)\b[^\]\n]{0,80}\]?",
    r"\[\s*(?:add|enter|describe|specify|put|provide)\b[^\]\n]{0,60}\b(?:here|your)\b[^\]\n]{0,40}\]",
    r"<\s*(?:insert|your|fill in|placeholder)\b[^>\n]{0,80}>",
    r"\blorem ipsum\b",
    r"\b(?-i:TBD|TBA)\b",
    r"\b(?:insert|put) (?:your )?(?:problem|question|description|text|example) here\b",
)
PHRASE = re.compile(r"(\b\w[^\n]{9,120}?)(?:\s*\1){3,}", re.DOTALL)
_SEEN = (
    r"(?:figure|image|picture|diagram|screenshot|photo|illustration|drawing|chart|graph image|"
    r"video)"
)
CONTEXT = _any(
    rf"\b(?:the|this|an?) (?:attached|accompanying|enclosed|above|below) {_SEEN}s?\b",
    r"\b(?:the|this) following (?:figure|diagram|screenshot|photo|illustration|drawing|chart)s?\b",
    rf"\b(?:shown|seen|depicted|illustrated|displayed|see|refer to|look at) (?:in )?(?:the |this )?"
    rf"{_SEEN}s?\b(?! (?:file|object|data|matrix|array|pixels?|processing))",
    rf"\bas in (?:the|this) {_SEEN}\b",
    rf"\b{_SEEN} (?:above|below|attached)\b|<image>|!\[[^\]\n]*\]\(",
    r"\b(?:the|an?) (?:attached|accompanying|enclosed|uploaded) (?:file|files|document|dataset|"
    r"spreadsheet|csv|data|code|text)\b",
    r"\b(?:open|read|load|parse|import)s? (?:data )?(?:from )?(?:the |a )?(?:\w+ )?(?:file|dataset)"
    r" (?:named|called)\b",
    r"\b(?:visit|go to|see|refer to|available at|found at|found here|click|follow|check out|"
    r"described at|download(?:ed)? from)\b[^.\n]{0,40}https?://",
    r"\b(?:call|query|use|fetch(?:es)?|request|consume|access|connects? to|interacts? with|"
    r"gets? [\w ]{1,30} from|retrieves? [\w ]{1,30} from)\b[^.\n]{0,40}"
    r"\b(?:(?:web|rest(?:ful)?|public|external|twitter|github|google|openai|weather|http|"
    r"third-party|online) (?:\w+ )?API|web service|remote server|live website)\b",
    r"\b(?:download|fetch|retriev)\w*\b[^.\n]{0,40}\bfrom (?:a|the|this|that) (?:given |live )?"
    r"(?:URL|website|web ?page|internet|web)\b",
    r"\bscrap(?:es?|ing) (?:a |the |data from |information from )?(?:\w+ ){0,3}"
    r"(?:website|web ?page|web|site|internet)s?\b|\bselenium\b",
    r"\bsend(?:s|ing)? (?:an? |the )?(?:e-?mail|sms|http request|text message)s?\b",
    r"\b(?:connects?|connecting|connection) to (?:an? |the )?(?:\w+ )?(?:mysql|postgres(?:ql)?|"
    r"mongodb|sql server|oracle|redis|remote|sql)\b(?: \w+)?",
    r"\b(?:tkinter|pyqt\d?|pyside\d?|pygame|kivy|wxpython|graphical user interface|GUI)\b",
    r"\b(?:create|build|design|develop|make|write) (?:a |an |the )?(?:\w+ ){0,2}(?:web ?site|"
    r"web ?page|web app(?:lication)?|mobile app|android app|chrome extension|dashboard)\b",
)
CODE_BEFORE = _any(
    r"\b(?:the|this) (?:code|function|program|snippet|script|implementation) (?:given |shown |"
    r"provided )?above\b",
    r"\b(?:the|this) above (?:code|function|program|snippet|script|implementation)\b",
)
CODE_SOMEWHERE = _any(
    r"\b(?:the|this) (?:given|provided|supplied) (?:python )?(?:code snippet|snippet|source code|"
    r"implementation)\b",
)
CODE_AFTER = _any(
    r"\b(?:the|this) (?:following|below) (?:code|snippet|script|code snippet|implementation|"
    r"program)\b(?! that)",
    r"\b(?:the|this) (?:code|snippet|function|program) (?:given |shown )?below\b",
)
CODE_LINE = re.compile(
    r"```|~~~|^(?:    |\t)\S|^\s*(?:def|class|import|from|for|while|if|print|return)\b.*[:()]|"
    r"^\s*\w+ = |;\s*$",
    re.MULTILINE,
)
CODE = re.compile(rf"{CODE_LINE.pattern}|`[^`\n]{{6,}}`", re.MULTILINE)
SIGNATURE = re.compile(r"^\W*signature\W.*$", re.IGNORECASE | re.MULTILINE)
_OTHER = r"(?:problem|question|exercise|prompt|assignment|challenge|solution|lesson|chapter)"
LEANS = _any(
    rf"\b(?:the|this|your|our) (?:previous|preceding|earlier|prior) (?:coding |programming )?"
    rf"{_OTHER}\b",
    rf"\b(?:previous|preceding) {_OTHER}s\b|\bthe original (?:problem|question|exercise)\b",
    r"^\W*(?:same|similar) (?:as|to) (?:the )?(?:above|before|previous one|last time)\b",
    r"\b(?:continu(?:e|ing) (?:from|with)|building (?:up)?on|extend(?:ing)?) (?:the |your )"
    r"(?:previous|earlier|last|existing) \w+",
    r"\bas (?:we|you) (?:did|saw|discussed|learned|wrote|implemented) (?:earlier|before|"
    r"previously|above|in class)\b",
    r"\bas (?:discussed|described|defined|mentioned) (?:in class|in the lecture|in the book|"
    r"in chapter \d+|earlier in)\b",
)
_LANGUAGE = (
    r"(?:Java(?:Script)?|TypeScript|C\+\+|C#|Golang|Go|Rust|Ruby|PHP|Swift|Kotlin|Scala|Perl|"
    r"Haskell|MATLAB|Lua|Dart|Visual Basic|VB\.NET|Objective-C|Node\.?js|PowerShell|Fortran|"
    r"Pascal|R|C)"
)
_MARKUP = r"(?:SQL|HTML|CSS|Bash|[Ss]hell|PowerShell|Excel|VBA)"
_END = r"(?![\w+#'\u2019-])(?! (?:case|source|code|files?|programs?|keywords?|comments?|board))"
_MAKE = (
    r"\b(?:[Ww]rit(?:e|ing)|[Ii]mplement|[Cc]reate|[Dd]evelop|[Cc]ode|[Bb]uild|[Dd]esign|[Ss]olve|"
    r"[Cc]onstruct|[Pp]rovide|[Gg]ive me|[Mm]ake|[Gg]enerate|[Pp]roduce)"
)
_THING = r"(?:program|function|method|class|code|script|application|solution|snippet|interface)"
WRONG = re.compile(
    rf"\b(?:{_THING}|[Ii]mplementation|algorithm|[Ww]ritten|[Ii]mplemented|[Dd]one|[Cc]oded|[Ii]t|"
    rf"[Tt]his) (?:in|using) (?:the )?(?:programming language )?{_LANGUAGE}{_END}"
    rf"|{_MAKE}\b[^.\n?]{{0,100}}? (?:in|using) {_LANGUAGE}{_END}(?=\s*(?:[.,:;?!)]|$))"
    rf"|{_MAKE} (?:an?|the|some|your|one)? ?(?:\w+ ){{0,2}}{_LANGUAGE} {_THING}\b"
    rf"|{_MAKE} (?:an?|the|some|your|one)? ?(?:\w+ ){{0,2}}{_MARKUP} (?:query|page|statement|form|"
    rf"script|code|document|table|stylesheet|template|formula|macro|procedure|layout)\b"
    rf"|\b[Aa]n? {_LANGUAGE} (?:program|function|script|application)\b"
    rf"|^[ \t]*```[ \t]*(?:java|javascript|js|typescript|ts|cpp|c\+\+|c|csharp|cs|go|rust|ruby|"
    rf"php|swift|kotlin|scala|perl|sql|bash|sh|html|css)\b",
    re.MULTILINE,
)
TRANSLATED = re.compile(
    rf"\b(?:[Tt]ranslat|[Cc]onvert|[Pp]ort|[Rr]ewrit)\w*\b[^.\n?]{{0,100}}?\b(?:in|into|to) "
    rf"(?:an? |the )?(?:equivalent |\w+ )?{_LANGUAGE}(?![\w+#'\u2019-])"
    rf"(?: (?:code|function|program|using|syntax)\b|(?=\s*(?:[.,:;?!)]|$)))",
    re.MULTILINE,
)
PYTHON = re.compile(r"\bpython", re.IGNORECASE)
NEGATED = re.compile(
    r"(?:\bnot\b|n't\b|\bno\b|\bnever\b|\bwithout\b|\binstead of\b|\brather than\b|\bneither\b|"
    r"\bavoid\b)[^.\n]{0,40}$",
    re.IGNORECASE,
)
STDIN = _any(
    r"\bstandard input\b|\bstdin\b|\bstd::cin\b",
    r"\b(?:read|reads|reading|take|takes|taking|get|gets|accept|accepts|given) (?:\w+ ){0,6}from"
    r" (?:the )?(?:console|keyboard|command line|terminal)\b",
    r"\b(?:prompts?|asks?|asking|prompting) (?:the |a )?user (?:to|for)\b",
    r"\b(?:the user (?:will |should |must )?(?:enters?|types?|(?<=will |must )input|inputs (?:a|"
    r"an|the|two|their)))\b",
    r"\bfirst line (?:of (?:the )?input|of each test case)\b|\binput (?:first )?line contains\b",
    r"\b(?:the )?first line (?:contains|consists of|has|will contain) (?:(?:an?|one|two|three|the)"
    r" )?(?:single |positive |space[- ]separated )*(?:integers?|numbers?|[TNQtnq]\b|\$)",
    r"\b(?:reads?|using|uses?|with|call(?:s|ing)?) (?:the )?(?:built-?in )?`?input\(\)",
    r"\b(?:each|the) (?:line|test case)s? of (?:the )?input (?:contains?|consists?)\b",
)
FAULTY = _any(
    r"\b(?:bugs?|buggy|debug(?:ging)?|incorrect(?:ly)?|wrong(?:ly)?|erroneous|broken|faulty|"
    r"flaw(?:ed|s)?|mistakes?|misleading|fix(?:es|ed|ing)?|fail(?:s|ing)?|does not work|"
    r"doesn't work|inefficient|too slow|slowly|naive|optimi[sz]e|refactor|incomplete|rewrite|"
    r"improve|(?:syntax|logic(?:al)?) errors?|errors? in (?:the|this))\b"
)
