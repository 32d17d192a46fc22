# Around every page
skip = 跳到正文
foot = 自己做主的视频站
nav-label = 账号
nav-upload = 上传
nav-mine = 我的视频
nav-page = 我的主页
nav-settings = 设置
search-label = 搜索视频
search-go = 搜索
sign-in = 登录
sign-up = 注册
sign-out = 退出登录
more = 显示更多视频
more-label = 列表的更多内容
save = 保存
cancel = 取消
edit = 编辑
delete = 删除
restore = 恢复
undo = 撤销
retry = 重试
copy-link = 复制链接
copied = 已复制
length = 时长：
progress = 进度
quota = 已用 { $used }，共 { $quota }

# Home and search
home-title = 视频
home-description = { $site } 上的视频
home-empty = 这里还没有内容
home-empty-hint = 上传第一个视频吧。
home-first = 上传第一个视频
home-join = 注册并上传第一个视频
home-setup = 本站还没有管理员。请打开服务器启动时终端显示的一次性链接。
found-title = “{ $q }”的搜索结果
found-none = 没有找到
found-none-hint = 换几个词，或少用几个词试试。
found-all = 查看全部视频
sort-label = 排序
sort-new = 最新
sort-popular = 最多播放

# Accounts
field-name = 用户名
field-name-hint = 2 到 32 个字母、汉字或数字，中间可以有 - _ 和 .
field-password = 密码
field-password-hint = 至少 8 个字符。
sign-up-closed = 本站不开放注册，可以请管理员为你添加账号。
sign-up-have = 已有账号？
sign-in-new = 还没有账号？

setup-title = 设置本站
setup-hint = 你是第一位访客，完成后你就是管理员。
setup-token = 一次性代码
setup-token-hint = 就在服务器启动时终端显示的一次性链接里。
setup-site = 站点名称
setup-who = 谁可以注册？
setup-open = 任何人
setup-open-hint = 找到本站的人都可以创建账号。
setup-closed = 不开放
setup-closed-hint = 只有管理员可以添加账号。
setup-go = 完成设置
setup-done = 本站已经设置好了。

settings-password = 密码
settings-current = 当前密码
settings-new = 新密码
settings-change = 修改密码
settings-saved = 密码已修改。
settings-language = 语言
settings-room = 已用空间
settings-everywhere = 在所有设备上退出
settings-everywhere-hint = 结束此账号在本设备和其他所有设备上的登录。
settings-everywhere-go = 在所有设备上退出

person-description = { $name } 的视频
person-since = { $date } 加入
person-empty = 还没有公开的视频。
theme = 外观
theme-system = 跟随系统
theme-light = 浅色
theme-dark = 深色
