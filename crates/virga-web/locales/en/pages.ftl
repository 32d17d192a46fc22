# Around every page
skip = Skip to content
foot = Video on your own terms
nav-label = Account
nav-upload = Upload
nav-mine = My videos
nav-page = My public page
nav-settings = Settings
search-label = Search videos
search-go = Search
sign-in = Sign in
sign-up = Sign up
sign-out = Sign out
more = Show more videos
more-label = More of this list
save = Save
cancel = Cancel
edit = Edit
delete = Delete
restore = Restore
undo = Undo
retry = Try again
copy-link = Copy link
copied = Copied
length = Length:
progress = Progress
quota = { $used } of { $quota } used

# Home and search
home-title = Videos
home-description = Videos on { $site }
home-empty = Nothing here yet
home-empty-hint = Upload the first video.
home-first = Upload the first video
home-join = Sign up to upload the first video
home-setup = This site has no administrator yet. Open the one-time link that the server printed when it started.
found-title = Results for “{ $q }”
found-none = Nothing found
found-none-hint = Try fewer or other words.
found-all = See all videos
sort-label = Order
sort-new = Newest
sort-popular = Most viewed

# Accounts
field-name = Username
field-name-hint = 2–32 letters or digits; - _ . allowed inside.
field-password = Password
field-password-hint = At least 8 characters.
sign-up-closed = This site takes no new accounts. An administrator can add one for you.
sign-up-have = Already here?
sign-in-new = New here?

setup-title = Set up this site
setup-hint = You are the first one here. This makes you the administrator.
setup-token = One-time code
setup-token-hint = It is part of the link that the server printed when it started.
setup-site = Name of the site
setup-who = Who may sign up?
setup-open = Anyone
setup-open-hint = Whoever finds the site can make an account.
setup-closed = Nobody
setup-closed-hint = Only an administrator adds accounts.
setup-go = Set up
setup-done = This site is set up already.

settings-password = Password
settings-current = Current password
settings-new = New password
settings-change = Change password
settings-saved = Your password is changed.
settings-language = Language
settings-room = Storage used
settings-everywhere = Sign out everywhere
settings-everywhere-hint = Ends every session of this account, on this device and all others.
settings-everywhere-go = Sign out everywhere

person-description = Videos by { $name }
person-since = Joined { $date }
person-empty = No public videos yet.
theme = Colours
theme-system = System
theme-light = Light
theme-dark = Dark
